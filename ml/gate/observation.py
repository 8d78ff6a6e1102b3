"""What the gate sees of a film: numbers that the networks have computed already."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.lungs import lung_area_share, lung_box

GRID = 16
"""The lung map is reduced to GRID x GRID: enough to tell apex from base, left from right."""
_UNSURE = (0.1, 0.9)


@dataclass(frozen=True, slots=True)
class Observation:
    """One film, as the gate sees it.

    Attributes:
        features: (f,) the classifier's pooled features.
        lungs: (GRID * GRID + 9,) the lung map, coarse, and what was found in it.
    """

    features: NDArray[np.float32]
    lungs: NDArray[np.float32]


def lung_numbers(
    probability: NDArray[Any], mask: NDArray[np.uint8], count: int
) -> NDArray[np.float32]:
    """Describe a lung map by (GRID * GRID + 9,) numbers, each about 0..1."""
    grid = cv2.resize(probability, (GRID, GRID), interpolation=cv2.INTER_AREA).ravel()
    box = lung_box(mask)
    edges = (box.x0, box.y0, box.x1, box.y1) if box else (0.0, 0.0, 0.0, 0.0)
    low, high = _UNSURE
    unsure = float(np.mean((probability > low) & (probability < high)))
    found = lung_area_share(mask)
    mass = float(probability.mean())
    numbers = (*edges, count / 2, found, unsure, mass - found, _balance(mask))
    return np.concatenate([grid, np.asarray(numbers)]).astype(np.float32)


def _balance(mask: NDArray[np.uint8]) -> float:
    """Share of the lung pixels that lie in the left half of the lungs' box; 0.5 where none do."""
    box = lung_box(mask)
    if box is None:
        return 0.5
    left, top, right, bottom = box.pixels(mask.shape[1], mask.shape[0])
    inside = mask[top:bottom, left:right]
    half = inside[:, : max(1, inside.shape[1] // 2)]
    return cv2.countNonZero(half) / max(1, cv2.countNonZero(inside))
