"""Grey levels: from what a detector counts to 8 bits."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_BAND = 1 << 20

Counts = NDArray[np.integer[Any]]


def stretch(counts: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Stretch a film of 16 bits from its own lowest to its own highest value.

    No percentile is cut off: a few hot pixels darken a film, but nothing of it is lost and the
    rule needs no constant.

    Args:
        counts: (height, width). A film of one single value becomes black.

    Returns:
        (height, width), 0 to 255.
    """
    low, high = int(counts.min()), int(counts.max())
    table = ramp(np.arange(low, high + 1), low, high)
    return look_up(counts, low, table)


def ramp(values: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    """Map low to 0 and high to 255, linearly, clipped and rounded."""
    span = max(float(high) - float(low), np.finfo(np.float64).tiny)
    share = (values.astype(np.float64) - low) / span
    return np.rint(np.clip(share, 0.0, 1.0) * 255.0).astype(np.uint8)


def look_up(counts: Counts, low: int, table: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Send every pixel through a table whose first entry stands for `low`.

    A table has at most 65,536 entries, so a film of fifty million pixels never needs a
    floating-point copy of itself; and the film goes through in bands, because an index costs numpy
    eight bytes a pixel.

    Args:
        counts: (height, width), none below `low`.
        low: What the table's first entry stands for.
        table: 8-bit grey by count.

    Returns:
        (height, width), 0 to 255.
    """
    grey = np.empty(counts.shape, np.uint8)
    rows = max(1, _BAND // max(1, counts.shape[1]))
    for top in range(0, counts.shape[0], rows):
        band = counts[top : top + rows].astype(np.int32)
        grey[top : top + rows] = table[band - low]
    return grey
