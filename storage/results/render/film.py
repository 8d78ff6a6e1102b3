"""A stored film as a grey picture, no larger than was asked for."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from lungline.errors import FilmRejected

Grey = NDArray[np.uint8]
"""(height, width), 0 to 255."""

_JPEG_MAGIC = b"\xff\xd8"
_REDUCED = {
    8: cv2.IMREAD_REDUCED_GRAYSCALE_8,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
}


def decode_grey(data: bytes, size: int) -> Grey:
    """Decode a JPEG or PNG of 8 bits and shrink it.

    EXIF orientation is applied, as it was when the film was read. The caller has checked the
    film's pixels against the limit.

    Args:
        data: The file.
        size: Longest side of the picture, in pixels; a smaller one is not enlarged.

    Raises:
        FilmRejected: The file cannot be decoded.
        MemoryError: It needs more memory than there is.
    """
    coded = np.frombuffer(data, np.uint8)
    try:
        film = cv2.imdecode(coded, _REDUCED.get(_reduction(data, size), cv2.IMREAD_GRAYSCALE))
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:
            raise MemoryError from error
        film = None
    if film is None:
        raise FilmRejected("undecodable", "The stored film cannot be decoded.")
    return shrink(film, size)


def shrink(picture: Grey, size: int) -> Grey:
    """Bring the longest side down to `size` pixels; a smaller picture is returned as it is."""
    height, width = picture.shape[:2]
    scale = size / max(height, width)
    if scale >= 1:
        return picture
    target = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(picture, target, interpolation=cv2.INTER_AREA), np.uint8)


def to_png(picture: NDArray[np.uint8]) -> bytes:
    """Encode a grey, BGR or BGRA picture."""
    done, coded = cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 4])
    if not done:
        raise ValueError("OpenCV cannot encode this array as PNG")
    return bytes(coded)


def _reduction(data: bytes, size: int) -> int:
    """How much smaller a JPEG can be decoded, which takes a fraction of the time and memory."""
    side = _jpeg_side(data)
    return next((factor for factor in _REDUCED if side // factor >= size), 1)


def _jpeg_side(data: bytes) -> int:
    """The longest side a JPEG's frame header names; 0 for anything else (ITU T.81, B.2.2)."""
    at = 2
    while data.startswith(_JPEG_MAGIC) and at + 9 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            sides = data[at + 5 : at + 9]
            return max(int.from_bytes(sides[:2], "big"), int.from_bytes(sides[2:], "big"))
        at += 2 + length
    return 0
