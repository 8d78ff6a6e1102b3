"""Quality flags: what makes a film's findings doubtful, whatever the gate says of its kind."""

import numpy as np
from numpy.typing import NDArray

FEWER_THAN_TWO_LUNGS = "fewer_than_two_lungs"
LOW_CONTRAST = "low_contrast"
LUNGS_CUT_OFF = "lungs_cut_off"

LEAST_CONTRAST = 60
"""Grey values between the 5th and the 95th percentile. The least of 1,730 training films has 69,
half of them have 183 or more."""
MOST_BORDER = 0.2
"""Share of a side of the film that lung may touch. 2.7 % of 1,505 human-made training masks touch
more: apices above the upper edge."""
_SAMPLE = 256


def quality_flags(film: NDArray[np.uint8], mask: NDArray[np.uint8], count: int) -> tuple[str, ...]:
    """Flag what is doubtful about a film.

    Args:
        film: (height, width), 8-bit grey.
        mask: (S, S) cleaned lung mask, 0 or 255.
        count: Lungs in it.
    """
    doubts = {
        FEWER_THAN_TWO_LUNGS: count < 2,
        LOW_CONTRAST: contrast(film) < LEAST_CONTRAST,
        LUNGS_CUT_OFF: border_share(mask) > MOST_BORDER,
    }
    return tuple(flag for flag, doubtful in doubts.items() if doubtful)


def contrast(film: NDArray[np.uint8]) -> float:
    """Give the grey values between a film's 5th and 95th percentile, from a sample of pixels."""
    height, width = film.shape
    sample = film[:: max(1, height // _SAMPLE), :: max(1, width // _SAMPLE)]
    low, high = np.percentile(sample, (5, 95))
    return float(high - low)


def border_share(mask: NDArray[np.uint8]) -> float:
    """Give the largest share of a side of the film that is lung, 0..1."""
    sides = (mask[0], mask[-1], mask[:, 0], mask[:, -1])
    return max(float(np.count_nonzero(side)) / side.size for side in sides)
