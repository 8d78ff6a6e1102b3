"""JPEG: segments that make the picture are copied, the others dropped; no pixel is touched."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from lungline.errors import FilmRejected
from storage.intake.cleaned import Cleaned
from storage.intake.exif import EXIF_MARK, UPRIGHT, minimal_exif, orientation_of
from storage.intake.limits import FilmLimits

_START, _END = b"\xff\xd8", b"\xff\xd9"
_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SOS, _EOI = 0xDA, 0xD9
_DHT, _DAC, _DQT, _DNL, _DRI = 0xC4, 0xCC, 0xDB, 0xDC, 0xDD
_PICTURE = _SOF | {_DHT, _DAC, _DQT, _DNL, _DRI, _SOS}
"""ITU-T T.81, table B.1: all that a decoder needs. Others, reserved ones too, it passes over."""
_APP0, _APP1, _APP14 = 0xE0, 0xE1, 0xEE
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")
"""A marker that has a payload, or the end: no stuffing, fill byte, restart or second start."""
_AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")

MOST_SEGMENTS = 4096
"""A profile or a thumbnail takes some hundreds at the most. Each costs about 5 microseconds."""
MOST_SCANS = 64
"""A progressive film has about ten. Each costs who decodes it a pass over all pixels."""

_MOST = {_DNL: 2, _DRI: 2}
"""Bytes of one number: what stands behind it is nothing of the picture."""
_JFIF, _JFIF_HEAD = b"JFIF\x00", 12
_ADOBE, _ADOBE_BODY = b"Adobe", 12
"""ITU-T T.872, 6.5.3: five letters, version, two flags words, the colour transform."""


def clean_jpeg(data: bytes, limits: FilmLimits) -> Cleaned:
    """Drop all segments that do not make the picture, and all EXIF but the orientation.

    A file that was cut behind its frame header passes: its reading fails, with `truncated`.

    Raises:
        FilmRejected: `truncated` or `undecodable` for a header that is cut or makes no sense, or
            for more segments or scans than a film has; `too_many_pixels`.
    """
    pieces: list[bytes | memoryview] = []
    head, orientation, shapes, scans, ended = b"", None, set(), 0, False
    for marker, payload, scan in _segments(data):
        if marker == _EOI:
            ended = True
        elif marker == _APP0 and payload.startswith(_JFIF) and not head:
            # Without the thumbnail, whose width and height are the last two bytes.
            head = _segment(_APP0, payload[:_JFIF_HEAD].ljust(_JFIF_HEAD, b"\x00") + b"\x00\x00")
        elif marker == _APP1 and payload.startswith(EXIF_MARK) and orientation is None:
            orientation = orientation_of(payload[len(EXIF_MARK) :])
        elif marker == _APP14 and payload.startswith(_ADOBE):
            pieces.append(_segment(marker, payload[:_ADOBE_BODY]))
        elif marker in _PICTURE:
            pieces += [_segment(marker, payload[: _MOST.get(marker)]), scan]
        if marker in _SOF:
            shapes.add(payload[1:5])
        scans += marker == _SOS
        if scans > MOST_SCANS:
            raise FilmRejected("undecodable", f"The JPEG has more than {MOST_SCANS} scans.")
    width, height = _shape(shapes, ended=ended)
    limits.check_shape(width, height)
    if orientation not in (None, UPRIGHT):
        head += _segment(_APP1, EXIF_MARK + minimal_exif(orientation or UPRIGHT))
    return Cleaned(b"".join([_START, head, *pieces, _END if ended else b""]), width, height)


def _segment(marker: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def _shape(shapes: set[bytes], *, ended: bool) -> tuple[int, int]:
    """Width and height by the frame header, of which a file has one (or equal ones)."""
    if not shapes and not ended:
        raise FilmRejected("truncated", "The JPEG ends before its frame header. Send it again.")
    if len(shapes) != 1 or len(min(shapes)) < 4:
        raise FilmRejected("undecodable", "The JPEG does not have one frame header.")
    height, width = struct.unpack(">HH", min(shapes))
    return width, height


def _segments(data: bytes) -> Iterator[tuple[int, bytes, memoryview]]:
    """Each marker with its payload and, behind a start of scan, the coded picture.

    Ends at the end-of-image marker, or where the file was cut; a segment that was cut is left out.
    """
    view, at = memoryview(data), len(_START)
    for _ in range(MOST_SEGMENTS):
        found = _MARKER.search(data, at)
        if found is None:
            return
        at, marker = found.end(), data[found.end() - 1]
        if marker == _EOI:
            yield marker, b"", view[:0]
            return
        end = at + int.from_bytes(data[at : at + 2], "big")
        if end < at + 2 or end > len(data):
            return
        following = _scan_end(data, end) if marker == _SOS else end
        yield marker, data[at + 2 : end], view[end:following]
        at = following
    raise FilmRejected("undecodable", f"The JPEG has more than {MOST_SEGMENTS:,} segments.")


def _scan_end(data: bytes, at: int) -> int:
    """Where the marker behind a scan begins; restart markers belong to the scan."""
    found = _AFTER_SCAN.search(data, at)
    return found.start() if found else len(data)
