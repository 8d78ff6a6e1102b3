"""The one thing kept of EXIF: which way is up. The rest names cameras, places and people."""

from __future__ import annotations

import struct
from typing import Literal

EXIF_MARK = b"Exif\x00\x00"
UPRIGHT = 1
_ORIENTATION, _SHORT = 0x0112, 3
_MOST_ENTRIES = 512


def orientation_of(tiff: bytes) -> int:
    """Read the orientation of an EXIF block.

    Args:
        tiff: The block from its byte-order mark on.

    Returns:
        1 to 8 as EXIF numbers them; 1 (as stored) where the block says nothing usable.
    """
    orders: dict[bytes, Literal["little", "big"]] = {b"II": "little", b"MM": "big"}
    order = orders.get(tiff[:2])
    if order is None:
        return UPRIGHT

    def number(at: int, size: int) -> int:
        return int.from_bytes(tiff[at : at + size], order)

    directory = number(4, 4)
    for index in range(min(number(directory, 2), _MOST_ENTRIES)):
        entry = directory + 2 + 12 * index
        if number(entry, 2) == _ORIENTATION and number(entry + 2, 2) == _SHORT:
            value = number(entry + 8, 2)
            return value if UPRIGHT <= value <= 8 else UPRIGHT
    return UPRIGHT


def minimal_exif(orientation: int) -> bytes:
    """Make a block that holds an orientation and nothing else, from its byte-order mark on."""
    entry = struct.pack(">HHIHH", _ORIENTATION, _SHORT, 1, orientation, 0)
    return b"MM" + struct.pack(">HIH", 42, 8, 1) + entry + struct.pack(">I", 0)
