"""The markers of a JPEG (ITU-T T.81, annex B): what it claims, before its pixels are decoded."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ml.decode.exif import orientation_of
from ml.errors import FilmError

JPEG_LS_FRAME = 0xF7
"""Start of frame of JPEG-LS, which has the same marker syntax (ITU-T T.87, annex C)."""
_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {JPEG_LS_FRAME}
_SOS, _EOI, _APP1 = 0xDA, 0xD9, 0xE1
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")
"""A marker that has a payload, or the end: no stuffing, fill byte, restart or second start."""
_AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_AFTER_LS_SCAN = re.compile(rb"\xff[\x80-\xcf\xd8-\xfe]")
"""JPEG-LS stuffs one zero bit behind FF, so only 80 and above is a marker there."""
_EXIF = b"Exif\x00\x00"

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
