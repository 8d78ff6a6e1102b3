"""EXIF orientation: how a camera or scanner says which way is up."""

import numpy as np
from numpy.typing import NDArray

_ORIENTATION_TAG = 0x0112
_SHORT = 3
_MAX_ENTRIES = 512


def orientation_of(tiff: bytes | memoryview) -> int:
    """Read the orientation of a TIFF-shaped EXIF block.

    Args:
        tiff: The block from its byte-order mark on.

    Returns:
        1 to 8 as EXIF numbers them; 1 (as stored) where the block says nothing usable.
    """
    tiff = bytes(tiff)
    if tiff[:2] not in (b"II", b"MM"):
        return 1

    def number(at: int, size: int) -> int:
        return int.from_bytes(tiff[at : at + size], "little" if tiff[:1] == b"I" else "big")

    directory = number(4, 4)
    for index in range(min(number(directory, 2), _MAX_ENTRIES)):
        entry = directory + 2 + 12 * index
        if number(entry, 2) == _ORIENTATION_TAG and number(entry + 2, 2) == _SHORT:
            value = number(entry + 8, 2)
            return value if 1 <= value <= 8 else 1
    return 1


def upright(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Turn and mirror a film as its orientation asks.

    Args:
        pixels: (height, width), as stored.
        orientation: 1 to 8; 5 to 8 swap height and width.
    """
    if orientation in (5, 6, 7, 8):
        pixels = pixels.T
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)
