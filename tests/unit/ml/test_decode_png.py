"""PNG: depths, colour, chunks that must not reach the decoder, damage."""

from __future__ import annotations

import zlib

import cv2
import numpy as np
import pytest

from ml.decode import decode
from ml.errors import FilmError
from tests.factories import films


def encoded(pixels: np.ndarray) -> bytes:
    return cv2.imencode(".png", pixels)[1].tobytes()


def test_eight_bits_are_taken_as_they_are() -> None:
    film = decode(films.png8(4))
    np.testing.assert_array_equal(film.pixels, films.pixels(4))
    assert (film.format, film.native8) == ("png", True)


def test_sixteen_bits_are_stretched_from_their_lowest_to_their_highest() -> None:
    counts = np.linspace(1000, 3000, 64 * 64).astype(np.uint16).reshape(64, 64)
    film = decode(encoded(counts))
    expected = np.rint((counts - 1000.0) / 2000 * 255).astype(np.uint8)
    np.testing.assert_array_equal(film.pixels, expected)
    assert not film.native8


def test_sixteen_bits_of_one_value_are_black() -> None:
    assert not decode(encoded(np.full((9, 9), 777, np.uint16))).pixels.any()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_colour_becomes_luma_and_transparency_is_ignored(dtype: type) -> None:
    top = np.iinfo(dtype).max
    picture = np.zeros((4, 4, 4), dtype)
    picture[:2, :, :3] = top
    film = decode(encoded(picture))
    assert film.pixels[:2].min() == 255
    assert film.pixels[2:].max() == 0


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_few_bits_and_palettes(depth: int) -> None:
    header = b"\0\0\0\x08\0\0\0\x01" + bytes([depth, 0, 0, 0, 0])
    row = zlib.compress(b"\0" + b"\xf0" * depth)
    chunks = ((b"IHDR", header), (b"IDAT", row), (b"IEND", b""))
    data = films.PNG_MAGIC + b"".join(films.png_chunk(*chunk) for chunk in chunks)
    pixels = decode(data).pixels
    assert pixels.shape == (1, 8)
    assert pixels.max() == 255


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_and_shown_by_us(orientation: int) -> None:
    film = decode(films.png_with_chunks((b"eXIf", films.exif(orientation)[6:])))
    jpeg = films.jpeg_with_segments((0xE1, films.exif(orientation)))
    assert film.pixels.shape == decode(jpeg).pixels.shape
    assert film.native8 == (orientation == 1)


@pytest.mark.parametrize(
    "chunk",
    [
        (b"zTXt", b"Comment\0\0" + zlib.compress(bytes(10_000_000))),
        (b"iCCP", b"profile\0\0" + zlib.compress(bytes(1_000_000))),
        (b"acTL", b"\0\0\0\x09\0\0\0\0"),
        (b"tEXt", b"Author\0" + films.PATIENT_NAME.encode()),
    ],
)
def test_chunks_that_make_no_pixels_change_nothing(chunk: tuple[bytes, bytes]) -> None:
    np.testing.assert_array_equal(decode(films.png_with_chunks(chunk)).pixels, films.pixels(0))


def test_a_wrong_checksum_is_damage() -> None:
    data = bytearray(films.png8())
    data[len(data) // 2] ^= 1
    with pytest.raises(FilmError) as caught:
        decode(bytes(data))
    assert caught.value.code == "undecodable"


@pytest.mark.parametrize("share", [0.02, 0.3, 0.9, 0.9995])
def test_a_cut_is_found_wherever_it_is(share: float) -> None:
    data = films.png8()
    with pytest.raises(FilmError) as caught:
        decode(data[: int(len(data) * share)])
    assert caught.value.code == "truncated"


def test_too_little_picture_in_whole_chunks_is_damage() -> None:
    header = films.png8()[16:29]
    short = zlib.compress(bytes(97 * 20))
    chunks = ((b"IHDR", header), (b"IDAT", short), (b"IEND", b""))
    data = films.PNG_MAGIC + b"".join(films.png_chunk(*chunk) for chunk in chunks)
    with pytest.raises(FilmError) as caught:
        decode(data)
    assert caught.value.code == "undecodable"
