"""PNG: chunks that make the picture are copied, the others dropped; no pixel is touched."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from lungline.errors import FilmRejected
from storage.intake.cleaned import Cleaned
from storage.intake.exif import EXIF_MARK, UPRIGHT, minimal_exif, orientation_of
from storage.intake.limits import FilmLimits
from storage.intake.sniff import PNG_MAGIC

_HEADER_BYTES = 13
_COLOUR_BYTES = 3
_MOST = {b"IHDR": _HEADER_BYTES, b"PLTE": 256 * _COLOUR_BYTES, b"tRNS": 256, b"IEND": 0}
"""PNG (third edition), 11.2 and 11.3.1: what decides the pixels besides the picture's data, and the
most bytes of each. Texts, times, profiles, animations and private chunks are dropped."""

MOST_CHUNKS = 1 << 16
"""The largest film in the chunks of 8,192 bytes that libpng writes has 8,000."""


def clean_png(data: bytes, limits: FilmLimits) -> Cleaned:
    """Drop every chunk that does not make the picture, and all EXIF but the orientation.

    A file that was cut behind its header passes: its reading fails, with `truncated`.

    Raises:
        FilmRejected: `truncated` or `undecodable` for a header that is cut or makes no sense, for
            chunks longer or more of them than a film has; `too_many_pixels`.
    """
    width, height = _shape(data)
    limits.check_shape(width, height)
    pieces: list[bytes | memoryview] = [PNG_MAGIC]
    orientation, once = None, set(_MOST)
    for name, body, whole in _chunks(data):
        if name in once:
            _check(name, body)
            once.remove(name)
            pieces.append(whole)
        elif name == b"IDAT":
            pieces.append(whole)
        elif name == b"eXIf" and orientation is None:
            orientation = orientation_of(bytes(body).removeprefix(EXIF_MARK))
    if orientation not in (None, UPRIGHT):
        pieces.insert(2, _chunk(b"eXIf", minimal_exif(orientation or UPRIGHT)))
    return Cleaned(b"".join(pieces), width, height)


def _shape(data: bytes) -> tuple[int, int]:
    if len(data) < len(PNG_MAGIC) + 8 + _HEADER_BYTES + 4:
        raise FilmRejected("truncated", "The PNG ends before its header does. Send it again.")
    length, name, width, height = struct.unpack_from(">I4sII", data, len(PNG_MAGIC))
    if name != b"IHDR" or length != _HEADER_BYTES:
        raise FilmRejected("undecodable", "The PNG does not begin with its header.")
    return width, height


def _check(name: bytes, body: memoryview) -> None:
    """Refuse a chunk that holds more than what it is for."""
    if len(body) > _MOST[name] or (name == b"PLTE" and len(body) % _COLOUR_BYTES):
        raise FilmRejected("undecodable", f"The PNG's {name.decode()} chunk has {len(body)} bytes.")


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview, memoryview]]:
    """Each chunk's name, body and whole bytes, up to the end chunk.

    Where the file was cut, the rest of the picture's data is given and other chunks are not.
    """
    view, at = memoryview(data), len(PNG_MAGIC)
    for _ in range(MOST_CHUNKS):
        if at + 8 > len(data):
            return
        length, name = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end <= len(data) or name == b"IDAT":
            yield name, view[at + 8 : end - 4], view[at:end]
        if name == b"IEND":
            return
        at = end
    raise FilmRejected("undecodable", f"The PNG has more than {MOST_CHUNKS:,} chunks.")


def _chunk(name: bytes, body: bytes) -> bytes:
    checksum = zlib.crc32(name + body)
    return struct.pack(">I4s", len(body), name) + body + struct.pack(">I", checksum)
