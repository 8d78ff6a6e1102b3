"""Whatever the bytes: a film or a FilmError, never another error, never a warning."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import uid

from ml.decode import DecodeLimits, decode
from ml.errors import FilmError
from tests.factories import films
from tests.unit.ml.dicom_files import ENCODERS, compressed, counts

SMALL = DecodeLimits(max_bytes=1 << 20, max_pixels=1 << 20, max_inflated_bytes=1 << 20)
PIXELS = counts(12, "u", 20, 24)
SEEDS = {
    "jpeg": films.jpeg(width=24, height=20),
    "jpeg with EXIF": films.jpeg_with_segments((0xE1, films.exif(6))),
    "png8": films.png8(width=24, height=20),
    "png16": films.png16(width=24, height=20),
    "dicom": films.dicom(width=24, height=20),
    "dicom big endian": films.dicom(width=24, height=20, syntax=uid.ExplicitVRBigEndian),
    "dicom jpeg": films.dicom(width=24, height=20, bits=8, syntax=uid.JPEGBaseline8Bit),
    **{f"dicom {syntax}": compressed(PIXELS, syntax) for syntax in ENCODERS},
}

edits = st.lists(
    st.tuples(
        st.sampled_from(["set", "insert", "delete", "cut", "repeat"]),
        st.floats(0, 1, exclude_max=True),
        st.one_of(st.binary(min_size=1, max_size=8), st.sampled_from([b"\xff" * 4, b"\0" * 4])),
    ),
    min_size=1,
    max_size=6,
)


def edited(data: bytes, changes: list[tuple[str, float, bytes]]) -> bytes:
    for kind, share, value in changes:
        at = int(share * len(data))
        if kind == "set":
            data = data[:at] + value + data[at + len(value) :]
        elif kind == "insert":
            data = data[:at] + value + data[at:]
        elif kind == "delete":
            data = data[:at] + data[at + len(value) :]
        elif kind == "cut":
            data = data[: max(at, len(data) // 2)]
        else:
            data = data[:at] + data[at : at + 40] + data[at:]
    return data


@pytest.mark.parametrize("seed", SEEDS)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(changes=edits)
def test_an_edited_film_is_read_or_refused(seed: str, changes: list[tuple[str, float, bytes]]):
    with contextlib.suppress(FilmError):
        film = decode(edited(SEEDS[seed], changes), SMALL)
        assert film.pixels.ndim == 2
        assert film.pixels.size > 0


@pytest.mark.parametrize("magic", [b"", b"\xff\xd8\xff", films.PNG_MAGIC, bytes(128) + b"DICM"])
@settings(max_examples=100, deadline=None)
@given(rest=st.binary(max_size=300))
def test_bytes_of_no_meaning_are_read_or_refused(magic: bytes, rest: bytes) -> None:
    with contextlib.suppress(FilmError):
        decode(magic + rest, SMALL)
