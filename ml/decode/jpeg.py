"""JPEG: the header read here, the pixels by libjpeg-turbo."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import simplejpeg  # type: ignore[import-untyped]
from numpy.typing import NDArray

from ml.decode.exif import orientation_of, upright
from ml.decode.film import DecodeLimits, Film
from ml.errors import FilmError

_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}
"""Start-of-frame markers; F7 is JPEG-LS, which DICOM wraps in the same marker syntax."""
_SOS, _EOI, _APP1 = 0xDA, 0xD9, 0xE1
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")
"""A marker that has a payload, or the end: no stuffing, fill byte, restart or second start."""
_AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_AFTER_LS_SCAN = re.compile(rb"\xff[\x80-\xcf\xd8-\xfe]")
"""JPEG-LS stuffs one zero bit behind FF, so only 80 and above is a marker there."""
_EXIF = b"Exif\x00\x00"

_PADDED_END = re.compile(r"corrupt jpeg data: (\d+) extraneous bytes before marker 0xd9")
MAX_PADDING = 16
"""Some scanners pad the picture data in front of the end marker; where more is left over than
padding, the decoder lost its way in damaged data."""

MAX_SEGMENTS = 4096
"""A profile or a thumbnail takes some hundreds of segments at the most."""

MAX_SCANS = 64
"""A progressive film has about ten scans. Each one costs a pass over all pixels, so a small file
of thousands would cost minutes."""


@dataclass(frozen=True, slots=True)
class JpegHeader:
    """What the markers of a JPEG say before its pixels are decoded.

    Attributes:
        width: Columns.
        height: Rows.
        components: 1 grey, 3 colour, 4 print inks.
        precision: Bits a sample.
        frame_marker: C0 to CF, or F7 for JPEG-LS.
        complete: The end-of-image marker was reached.
        orientation: EXIF, 1 to 8.
    """

    width: int
    height: int
    components: int
    precision: int
    frame_marker: int
    complete: bool
    orientation: int


def read_header(data: bytes, *, jpeg_ls: bool = False) -> JpegHeader:
    """Walk the markers of a JPEG, pixels untouched.

    Args:
        data: From the start-of-image marker on.
        jpeg_ls: Scans are bit-stuffed as JPEG-LS has it.

    Raises:
        FilmError: `truncated` when the file ends before its frame header, `undecodable` when it
            has none or more than `MAX_SCANS` scans.
    """
    frame: tuple[int, bytes] | None = None
    orientation, scans, complete = 1, 0, False
    for marker, payload in _segments(data, jpeg_ls=jpeg_ls):
        if marker in _SOF and frame is None:
            frame = (marker, payload)
        elif marker == _APP1 and payload.startswith(_EXIF):
            orientation = orientation_of(payload[len(_EXIF) :])
        elif marker == _SOS:
            scans += 1
        elif marker == _EOI:
            complete = True
        if scans > MAX_SCANS:
            raise FilmError("undecodable", f"The JPEG has more than {MAX_SCANS} scans.")
    return _header(frame, complete=complete, orientation=orientation)


def _header(frame: tuple[int, bytes] | None, *, complete: bool, orientation: int) -> JpegHeader:
    if frame is None or len(frame[1]) < 6:
        if complete:
            raise FilmError("undecodable", "The JPEG has no frame header.")
        raise FilmError("truncated", "The JPEG ends before its frame header. Send it again.")
    marker, payload = frame
    return JpegHeader(
        width=int.from_bytes(payload[3:5], "big"),
        height=int.from_bytes(payload[1:3], "big"),
        components=payload[5],
        precision=payload[0],
        frame_marker=marker,
        complete=complete,
        orientation=orientation,
    )


def _segments(data: bytes, *, jpeg_ls: bool) -> Iterator[tuple[int, bytes]]:
    """Each marker with its payload, up to the end of image or of the bytes."""
    at = 2
    for _ in range(MAX_SEGMENTS):
        found = _MARKER.search(data, at)
        if found is None:
            return
        at, marker = found.end(), data[found.end() - 1]
        if marker == _EOI:
            yield marker, b""
            return
        length = int.from_bytes(data[at : at + 2], "big")
        if length < 2 or at + length > len(data):
            return
        yield marker, data[at + 2 : at + length]
        at += length
        if marker == _SOS:
            after = (_AFTER_LS_SCAN if jpeg_ls else _AFTER_SCAN).search(data, at)
            at = after.start() if after else len(data)
    raise FilmError("undecodable", f"The JPEG has more than {MAX_SEGMENTS:,} segments.")


def decode_jpeg(data: bytes, limits: DecodeLimits) -> Film:
    """Decode an 8-bit JPEG straight to grey.

    Raises:
        FilmError: As `ml.decode.decode`.
    """
    header = read_header(data)
    limits.check_shape(header.width, header.height)
    if header.precision != 8 or header.frame_marker == 0xF7:
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
