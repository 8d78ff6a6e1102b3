"""JPEG: the header read here, the pixels by libjpeg-turbo."""

import re

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from ml.decode.exif import upright
from ml.decode.film import DecodeLimits, Film
from ml.decode.jpeg_header import JPEG_LS_FRAME, JpegHeader, read_header
from ml.errors import FilmError

_PADDED_END = re.compile(r"corrupt jpeg data: (\d+) extraneous bytes before marker 0xd9")
MAX_PADDING = 16
"""Some scanners pad the picture data in front of the end marker; where more is left over than
padding, the decoder lost its way in damaged data."""


def decode_jpeg(data: bytes, limits: DecodeLimits) -> Film:
    """Decode an 8-bit JPEG straight to grey.

    Raises:
        FilmError: As `ml.decode.decode`.
    """
    header = read_header(data)
    limits.check_shape(header.width, header.height)
    if header.precision != 8 or header.frame_marker == JPEG_LS_FRAME:
        raise FilmError("undecodable", "Only JPEG of 8 bits is read outside DICOM.")
    if header.components not in (1, 3):
        raise FilmError(
            "unsupported_photometric",
            f"The JPEG has {header.components} colour components; 1 or 3 are read.",
        )
    pixels = decode_grey(data, header)
    return Film(upright(pixels, header.orientation), format="jpeg", native8=True)


def decode_grey(data: bytes, header: JpegHeader) -> NDArray[np.uint8]:
    """Decode the luma of a JPEG of 8 bits.

    libjpeg fills what is missing with grey and only warns; `strict` turns the warning into an
    error, which also catches a scan cut short in front of an end marker.

    Returns:
        (height, width), as stored.

    Raises:
        FilmError: `truncated` or `undecodable`.
    """
    if not header.complete:
        raise FilmError("truncated", "The JPEG has no end marker: it was cut. Send it again.")
    try:
        # The library's own reading of the header, should it ever differ from ours: it decides
        # how much is allocated.
        if simplejpeg.decode_jpeg_header(data)[:2] != (header.height, header.width):
            raise FilmError("undecodable", "The JPEG has contradictory headers.")
        grey = simplejpeg.decode_jpeg(data, colorspace="GRAY", strict=True)
        return np.asarray(grey, np.uint8).reshape(header.height, header.width)
    except ValueError as error:
        return _second_try(data, header, str(error).lower())


def _second_try(data: bytes, header: JpegHeader, complaint: str) -> NDArray[np.uint8]:
    """Sort the library's complaints: what was cut, what is damaged, what does no harm."""
    if "premature end" in complaint:
        raise FilmError("truncated", "The JPEG's picture data end too early. Send it again.")
    padding = _PADDED_END.search(complaint)
    harmless = padding is not None and int(padding[1]) <= MAX_PADDING
    if "corrupt jpeg data" in complaint and not harmless:
        raise FilmError("undecodable", "The JPEG's picture data are damaged. Send it again.")
    pixels = cv2.imdecode(
        np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION
    )
    if pixels is None or pixels.shape != (header.height, header.width):
        raise FilmError("undecodable", "The JPEG cannot be decoded.")
    return np.asarray(pixels, np.uint8)
