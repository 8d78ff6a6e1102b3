"""JPEG: grey levels, orientation, cuts and damage."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ml.decode import decode
from ml.decode.exif import orientation_of
from ml.decode.jpeg_header import MAX_SCANS, read_header
from ml.errors import FilmError
from tests.factories import films


def test_grey_and_colour_decode_to_what_was_drawn() -> None:
    drawn = films.pixels(3).astype(int)
    grey, colour = decode(films.jpeg(3, quality=98)), decode(films.jpeg(3, quality=98, colour=True))
    assert (grey.format, grey.native8) == ("jpeg", True)
    assert np.abs(grey.pixels - drawn).mean() < 2
    assert np.abs(colour.pixels - drawn).mean() < 2


def test_a_colour_film_becomes_luma() -> None:
    red = np.zeros((32, 32, 3), np.uint8)
    red[..., 2] = 200
    data = cv2.imencode(".jpg", red, [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()
    assert abs(int(decode(data).pixels.mean()) - round(0.299 * 200)) <= 2


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_as_browsers_do(orientation: int, order: str) -> None:
    # Given a film with an orientation, which OpenCV applies as browsers do
    data = films.jpeg_with_segments((0xE1, films.exif(orientation, order=order)))
    expected = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    # I expect the same picture, and the browser to be trusted with it
    film = decode(data)
    np.testing.assert_array_equal(film.pixels, expected)
    assert film.native8


@pytest.mark.parametrize(
    "block", [b"", b"II", b"XX*\0", films.exif(9)[6:], films.exif(0)[6:], films.exif(6)[6:20]]
)
def test_a_malformed_orientation_means_as_stored(block: bytes) -> None:
    assert orientation_of(block) == 1


@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.9, 0.999])
@pytest.mark.parametrize("progressive", [0, 1])
@pytest.mark.parametrize("end_marker", [b"", b"\xff\xd9"])
def test_a_cut_is_found_wherever_it_is(share: float, progressive: int, end_marker: bytes) -> None:
    # Given a JPEG cut somewhere in its picture, even one closed with an end marker again
    drawn = films.pixels(0, 400, 300)
    parameters = [cv2.IMWRITE_JPEG_QUALITY, 90, cv2.IMWRITE_JPEG_PROGRESSIVE, progressive]
    data = cv2.imencode(".jpg", drawn, parameters)[1].tobytes()
    first_scan = data.index(b"\xff\xda") + 14
    cut = data[: first_scan + int((len(data) - 2 - first_scan) * share)] + end_marker
    # I expect it to be refused, not padded with grey
    with pytest.raises(FilmError) as caught:
        decode(cut)
    assert caught.value.code == "truncated"


def test_an_end_marker_in_a_thumbnail_is_not_the_film_s() -> None:
    thumbnail = (0xE1, b"Exif\0\0" + films.jpeg(1, 16, 16))
    whole = films.jpeg_with_segments(thumbnail)
    assert decode(whole).pixels.shape == (80, 96)
    with pytest.raises(FilmError, match="no end marker"):
        decode(whole[:-200])


def test_bytes_after_the_end_do_no_harm() -> None:
    np.testing.assert_array_equal(
        decode(films.jpeg() + b"trailer" * 9).pixels, decode(films.jpeg()).pixels
    )


def test_padding_in_front_of_the_end_does_no_harm() -> None:
    data = films.jpeg()
    film = decode(data[:-2] + bytes(9) + data[-2:])
    np.testing.assert_array_equal(film.pixels, decode(data).pixels)


@pytest.mark.parametrize("left", [20, 300])
def test_picture_data_left_over_are_damage(left: int) -> None:
    data = films.jpeg()
    with pytest.raises(FilmError) as caught:
        decode(data[:-2] + bytes(left) + data[-2:])
    assert caught.value.code == "undecodable"


def test_a_jpeg_of_too_many_scans_is_refused_before_decoding() -> None:
    data = films.jpeg()
    scan = data[data.index(b"\xff\xda") : -2]
    with pytest.raises(FilmError, match="scans"):
        decode(data[:-2] + scan * MAX_SCANS + b"\xff\xd9")


def test_print_inks_are_refused() -> None:
    data = bytearray(films.jpeg())
    components = data.index(b"\xff\xc0") + 9
    data[components] = 4
    with pytest.raises(FilmError) as caught:
        decode(bytes(data))
    assert caught.value.code == "unsupported_photometric"


def test_the_header_is_read_without_the_pixels() -> None:
    header = read_header(films.jpeg(width=123, height=45)[:400])
    assert (header.width, header.height, header.components, header.precision) == (123, 45, 1, 8)
    assert not header.complete
