"""The lung mask: cleaned, counted, boxed, and brought back to the film's own geometry."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

# The smallest lung of 800 training masks covers 7.5 % of its film; anything below a tenth of
# that is a speck, not a lung.
MIN_LUNG_SHARE = 0.0075
MASK_THRESHOLD = 0.5
MAX_LUNGS = 2


@dataclass(frozen=True, slots=True)
class Region:
    """A box on a film, in shares of its width and height.

    Attributes:
        x0: Left edge, 0..1.
        y0: Top edge, 0..1.
        x1: Right edge, 0..1, greater than x0.
        y1: Bottom edge, 0..1, greater than y0.
    """

    x0: float
    y0: float
    x1: float
    y1: float

    def pixels(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Give (left, top, right, bottom) in pixels of a film, at least one pixel each way."""
        left, top = int(self.x0 * width), int(self.y0 * height)
        right, bottom = int(np.ceil(self.x1 * width)), int(np.ceil(self.y1 * height))
        left, top = min(left, width - 1), min(top, height - 1)
        return left, top, max(left + 1, min(right, width)), max(top + 1, min(bottom, height))


WHOLE_FILM = Region(0.0, 0.0, 1.0, 1.0)


def clean_mask(
    probability: NDArray[Any], threshold: float = MASK_THRESHOLD
) -> tuple[NDArray[np.uint8], int]:
    """Keep the (at most two) largest plausible lungs of a probability map and fill their holes.

    Args:
        probability: (height, width) lung probability, 0..1.
        threshold: Probability from which a pixel is lung.

    Returns:
        The mask (height, width), 0 or 255, and the number of lungs in it (0, 1 or 2).
    """
    binary = (probability >= threshold).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(binary, connectivity=8)
    areas = stats[1:count, cv2.CC_STAT_AREA]
    order = np.argsort(areas)[::-1][:MAX_LUNGS] + 1
    lungs = [i for i in order if stats[i, cv2.CC_STAT_AREA] >= MIN_LUNG_SHARE * binary.size]
    kept = np.isin(labels, lungs).astype(np.uint8)
    contours, _ = cv2.findContours(kept, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    mask = np.zeros(binary.shape, dtype=np.uint8)
    cv2.drawContours(mask, contours, -1, 255, thickness=cv2.FILLED)
    return mask, len(lungs)


def count_lungs(mask: NDArray[np.uint8]) -> int:
    """Count the connected parts of a cleaned mask (0..2)."""
    return int(cv2.connectedComponents(mask, connectivity=8)[0]) - 1


def lung_box(mask: NDArray[np.uint8]) -> Region | None:
    """Bound everything that is lung in a mask; None when nothing is."""
    if not mask.any():
        return None
    height, width = mask.shape
    left, top, w, h = cv2.boundingRect(mask)
    return Region(left / width, top / height, (left + w) / width, (top + h) / height)


def lung_area_share(mask: NDArray[np.uint8]) -> float:
    """Give the share of the film that is lung, 0..1."""
    return float(np.count_nonzero(mask)) / mask.size


def mask_at(mask: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Bring a mask to another geometry (height, width), 0 or 255, with smooth edges kept sharp."""
    resized = cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.where(resized >= 128, 255, 0).astype(np.uint8)
