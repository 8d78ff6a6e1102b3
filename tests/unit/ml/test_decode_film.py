"""What holds for every format: sniffing, limits, and that nothing but FilmError leaves."""

from __future__ import annotations

import tracemalloc

import pytest

from ml.decode import DecodeLimits, decode
from ml.errors import FilmError
from tests.factories import films


def code_of(data: bytes, limits: DecodeLimits | None = None) -> str:
    with pytest.raises(FilmError) as caught:
        decode(data, limits or DecodeLimits())
    return caught.value.code


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_file"),
        (films.text_named_jpg(), "unsupported_format"),
        (films.wrong_magic(), "unsupported_format"),
        (b"\xff\xd8", "unsupported_format"),
        (b"GIF89a" + bytes(40), "unsupported_format"),
        (b"PK\x03\x04" + bytes(40), "unsupported_format"),
        (bytes(400), "unsupported_format"),
        (films.truncated_jpeg(), "truncated"),
        (films.truncated_png(), "truncated"),
        (films.truncated_dicom(), "truncated"),
        (films.huge_png(), "too_many_pixels"),
        (films.dicom_without_pixels(), "no_pixels"),
    ],
)
def test_a_bad_film_is_refused_with_its_code(data: bytes, code: str) -> None:
    assert code_of(data) == code


@pytest.mark.parametrize("make", [films.jpeg, films.png8, films.png16, films.dicom])
@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (DecodeLimits(max_bytes=100), "too_large"),
        (DecodeLimits(max_side=95), "too_many_pixels"),
        (DecodeLimits(max_pixels=96 * 80 - 1), "too_many_pixels"),
    ],
)
def test_limits_hold_for_every_format(make, limits: DecodeLimits, code: str) -> None:
    assert code_of(make(), limits) == code


@pytest.mark.parametrize("make", [films.jpeg, films.png8, films.png16, films.dicom])
def test_limits_are_inclusive(make) -> None:
    film = decode(make(), DecodeLimits(max_side=96, max_pixels=96 * 80))
    assert film.pixels.shape == (80, 96)
    assert film.pixels.dtype == "uint8"
    assert film.pixels.flags.c_contiguous


def test_a_huge_png_costs_no_memory() -> None:
    # Given a PNG of a few bytes that claims 1.6 thousand million pixels
    data = films.huge_png(40_000)
    tracemalloc.start()
    # If I decode it
    assert code_of(data) == "too_many_pixels"
    # I expect no more than small change to have been allocated
    assert tracemalloc.get_traced_memory()[1] < 100_000
    tracemalloc.stop()


def test_errors_can_be_pickled_and_printed() -> None:
    import pickle

    error = FilmError("truncated", "It was cut.")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert (again.code, again.message) == ("truncated", "It was cut.")
    assert str(error) == "It was cut. [truncated]"
