"""Forms are taken apart as they arrive."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.intake.multipart import Form, FormReader, Limits
from api.intake.spool import Spool
from lungline.errors import InvalidParameter, MalformedBody, TooManyFilms
from tests.factories.archives import zip_of
from tests.factories.services import BOUNDARY, multipart

LIMITS = Limits(films=3, film_bytes=1000, field_bytes=100)


def read(body: bytes, spool: Spool, limits: Limits = LIMITS, boundary: str = BOUNDARY) -> Form:
    content_type = f"multipart/form-data; boundary={boundary}"
    return FormReader(spool, limits).read(io.BytesIO(body), content_type)


def test_fields_and_files(tmp_path: Path) -> None:
    body = multipart(
        ("name", None, "어린이".encode()),
        ("films", "a/폐렴.jpg", b"one"),
        ("x", "b.jpg", b""),
        ("films", "", b""),
    )
    with Spool(tmp_path) as spool:
        form = read(body, spool)
        assert form.fields == {"name": "어린이"}
        assert [(f.name, spool.read(f.content)) for f in form.files] == [
            ("a/폐렴.jpg", b"one"),
            ("b.jpg", b""),
        ]


def test_an_archive_is_told_from_a_film_and_may_be_larger(tmp_path: Path) -> None:
    archive = zip_of({"a.jpg": b"x" * 3000})
    with Spool(tmp_path) as spool:
        film, packed = read(multipart(("f", "a", b"x" * 1001), ("f", "b", archive)), spool).files
        assert (film.archive, film.received, film.content.size) == (False, 1001, 0)
        assert packed.archive
        assert spool.read(packed.content) == archive


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", MalformedBody),
        (b"no form at all", MalformedBody),
        (b"x" * 2_000_000, MalformedBody),
        (multipart(("f", "a.jpg", b"x" * 500))[:300], MalformedBody),
        (multipart(("f", "a.jpg", b"x"))[:-6], MalformedBody),
        (b"--b0undary\r\nContent-Type: x\r\n\r\nx\r\n--b0undary--\r\n", MalformedBody),
        (b"--b0undary\r\nX: " + b"y" * 2_000_000, MalformedBody),
        (multipart(("f", None, b"\xff\xfe")), MalformedBody),
        (multipart(*[("f", "a.jpg", b"x")] * 4), TooManyFilms),
        (multipart(("name", None, b"x"), ("name", None, b"y")), InvalidParameter),
        (multipart(("name", None, b"x" * 101)), InvalidParameter),
        (multipart(*[(f"n{n}", None, b"x") for n in range(17)]), InvalidParameter),
    ],
)
def test_bad_forms(body: bytes, error: type[Exception], tmp_path: Path) -> None:
    with Spool(tmp_path) as spool, pytest.raises(error):
        read(body, spool)


@pytest.mark.parametrize("boundary", ["", "x" * 201])
def test_a_form_needs_a_boundary(boundary: str, tmp_path: Path) -> None:
    with Spool(tmp_path) as spool, pytest.raises(MalformedBody):
        read(multipart(("f", "a.jpg", b"x")), spool, boundary=boundary)


@given(st.lists(st.one_of(st.binary(max_size=900), st.just(b"\r\n--b0undar\r\n" * 9)), max_size=3))
def test_any_bytes_come_through(contents: list[bytes]) -> None:
    body = multipart(*[("f", f"{n}.jpg", data) for n, data in enumerate(contents)])
    with Spool(None) as spool:
        form = read(body, spool)
        assert [spool.read(file.content) for file in form.files] == contents
