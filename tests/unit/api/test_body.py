"""A body that is not whole never passes for one that is."""

from __future__ import annotations

import io

import pytest

from api.intake.body import CHUNK, Body
from lungline.errors import BodyCutOff, TooLarge


class Broken(io.BytesIO):
    def read(self, size: int | None = -1) -> bytes:
        raise ConnectionResetError


def reader(data: bytes, declared: int | None, limit: int = 1 << 20) -> io.BufferedReader:
    return io.BufferedReader(Body(io.BytesIO(data), declared, limit), CHUNK)


@pytest.mark.parametrize("declared", [5, None])
def test_a_whole_body_is_read_to_its_end(declared: int | None) -> None:
    stream = reader(b"films", declared)
    assert stream.peek(2)[:2] == b"fi"
    assert stream.read() == b"films"


def test_a_body_shorter_than_declared_is_cut_off() -> None:
    with pytest.raises(BodyCutOff, match="5 of 6 bytes"):
        reader(b"films", 6).read()


def test_a_broken_connection_is_a_body_cut_off() -> None:
    with pytest.raises(BodyCutOff):
        io.BufferedReader(Body(Broken(), None, 10)).read(3)


def test_a_body_declared_above_the_limit_is_refused_unread() -> None:
    with pytest.raises(TooLarge, match="10 bytes, the limit"):
        Body(Broken(), 11, 10)


def test_a_chunked_body_above_the_limit_is_refused_while_read() -> None:
    with pytest.raises(TooLarge):
        reader(b"x" * 11, None, 10).read()


def test_discarding_ends_at_the_end() -> None:
    source = io.BytesIO(b"x" * (3 * CHUNK))
    body = Body(source, 3 * CHUNK, 1 << 20)
    body.discard()
    assert body.ended
    assert source.read() == b""
    Body(Broken(), None, 10).discard()
