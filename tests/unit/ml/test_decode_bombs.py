"""Small or cheap files that would keep a careless decoder busy for minutes, or fill its memory."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from pydicom import uid
from pydicom.encaps import encapsulate

from ml.decode import decode
from ml.decode.elements import MAX_STEPS
from ml.decode.jpeg2000 import MAX_TILES
from ml.errors import FilmError
from tests.factories import films
from tests.unit.ml.dicom_files import ENCODERS, compressed, counts, plain_film, remade

# Each takes a fraction of a second; a careless decoder does not end in this time.
pytestmark = pytest.mark.timeout(60)

DATASET = films.dicom()
AFTER_META = DATASET.index(b"\x08\x00\x05\x00", 132)
EMPTY = b"\x09\x00\x10\x10SH\x00\x00"
OPEN_SEQUENCE = b"\x09\x00\x10\x10SQ\0\0\xff\xff\xff\xff"
OPEN_ITEM = b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
EMPTY_ITEM = b"\xfe\xff\x00\xe0\0\0\0\0"
END_SEQUENCE = b"\xfe\xff\xdd\xe0\0\0\0\0"


def with_elements(inserted: bytes) -> bytes:
    return DATASET[:AFTER_META] + inserted + DATASET[AFTER_META:]


def with_fragments(number: int) -> bytes:
    plain = compressed(counts(12), uid.RLELossless)
    end = plain.rindex(END_SEQUENCE)
    return plain[:end] + EMPTY_ITEM * number + plain[end:]


def tiled(width: int, height: int, tile: int) -> bytes:
    frame = bytearray(ENCODERS[uid.JPEG2000Lossless](counts(12)))
    siz = frame.index(b"\xff\x4f\xff\x51")
    frame[siz + 8 : siz + 16] = struct.pack(">2I", width, height)
    frame[siz + 24 : siz + 32] = struct.pack(">2I", tile, tile)
    return jpeg_2000(bytes(frame), width, height)


def jpeg_2000(frame: bytes, width: int, height: int) -> bytes:
    plain = plain_film(counts(12))
    data = encapsulate([frame])
    return remade(plain, uid.JPEG2000Lossless, PixelData=data, Rows=height, Columns=width)


def rle_bomb() -> bytes:
    packed = b"\x81\0" * 400_000
    header = np.zeros(16, "<u4")
    header[:3] = 2, 64, 64 + len(packed)
    frame = header.tobytes() + packed * 2
    return remade(plain_film(counts(12)), uid.RLELossless, PixelData=encapsulate([frame]))


BOMBS = {
    "elements": with_elements(EMPTY * (MAX_STEPS + 1)),
    "open sequences": with_elements((OPEN_SEQUENCE + OPEN_ITEM) * MAX_STEPS),
    "items": with_elements(OPEN_SEQUENCE + EMPTY_ITEM * MAX_STEPS + END_SEQUENCE),
    "fragments": with_fragments(MAX_STEPS),
    "runs": rle_bomb(),
    "tiles": tiled(1000, 1000, 1000 // int(MAX_TILES**0.5) - 1),
    "chunks": films.png_with_chunks(*[(b"tEXt", b"")] * 70_000),
    "segments": films.jpeg_with_segments(*[(0xFE, b"")] * 5000),
    "stuffing": films.jpeg()[:-2] + b"\xff\0" * 2_000_000 + b"\xff\xd9",
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused(name: str) -> None:
    with pytest.raises(FilmError) as caught:
        decode(BOMBS[name])
    assert caught.value.code in ("undecodable", "truncated")


@pytest.mark.parametrize(
    "data",
    [
        films.jpeg()[:2] + b"\xff" * 2_000_000 + films.jpeg()[2:],
        films.jpeg()[:2] + b"\xff\xd0" * 1_000_000 + films.jpeg()[2:],
        with_elements(EMPTY * 50_000),
    ],
)
def test_padding_that_does_no_harm_is_skipped(data: bytes) -> None:
    assert decode(data).pixels.shape == (80, 96)


def test_tiles_that_are_missing_make_a_film_truncated() -> None:
    with pytest.raises(FilmError) as caught:
        decode(tiled(112, 80, 56))
    assert caught.value.code == "truncated"
