"""Films brought to one chest shape, so that ribs and borders of different children coincide."""

import cv2
import numpy as np
from numpy.typing import NDArray

# The frame all films are brought to: its side in pixels, and where in it the lungs lie.
FRAME = 256
LUNGS_TOP, LUNGS_BOTTOM = 0.11, 0.85
LUNGS_WIDTH = 0.80

Outline = NDArray[np.float64]


def outline(mask: NDArray[np.uint8]) -> tuple[Outline, Outline] | None:
    """Trace the outer borders of both lungs, row by row of the common frame.

    Args:
        mask: (height, width) human-made lung mask, 0 or 255.

    Returns:
        For each row of the frame its row in the film (FRAME,), and the columns of the outer
        borders of the left-hand and right-hand lung (FRAME, 2); None without two lungs.
    """
    _, labels, stats, centres = cv2.connectedComponentsWithStats((mask > 127).astype(np.uint8))
    largest = np.argsort(stats[1:, cv2.CC_STAT_AREA])[::-1][:2] + 1
    if len(largest) < 2:
        return None
    left, right = sorted(largest, key=lambda i: centres[i, 0])
    tops = [stats[i, cv2.CC_STAT_TOP] for i in (left, right)]
    bottoms = [stats[i, cv2.CC_STAT_TOP] + stats[i, cv2.CC_STAT_HEIGHT] for i in (left, right)]
    share = (np.arange(FRAME) / FRAME - LUNGS_TOP) / (LUNGS_BOTTOM - LUNGS_TOP)
    rows = min(tops) + share * (max(bottoms) - min(tops))
    borders = [_outer_border(labels == left, rows, 0), _outer_border(labels == right, rows, 1)]
    return rows, np.stack(borders, axis=1)


def frame_outline(outlines: NDArray[np.float64]) -> Outline:
    """Give the mean outline (FRAME, 2) of many, centred in the frame at its usual width.

    Args:
        outlines: (n, FRAME, 2) as `outline` gives them.
    """
    mean = outlines.mean(axis=0)
    scale = LUNGS_WIDTH * FRAME / (mean.max() - mean.min())
    return np.asarray((mean - mean.mean()) * scale + FRAME / 2, np.float64)


def to_frame(
    film: NDArray[np.uint8], rows: Outline, borders: Outline, target: Outline
) -> NDArray[np.float32]:
    """Warp a film so that its outline falls on the target's: (FRAME, FRAME) grey, 0..255."""
    slope = (borders[:, 1] - borders[:, 0]) / (target[:, 1] - target[:, 0])
    columns = borders[:, :1] + (np.arange(FRAME) - target[:, :1]) * slope[:, np.newaxis]
    rows_of = np.repeat(rows[:, np.newaxis], FRAME, axis=1)
    warped: NDArray[np.float32] = cv2.remap(
        film.astype(np.float32),
        columns.astype(np.float32),
        rows_of.astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return warped


def _outer_border(lung: NDArray[np.bool_], rows: Outline, side: int) -> Outline:
    """Give one lung's outer border at the given rows, smoothed; its tips' rows are left out."""
    filled = np.flatnonzero(lung.any(axis=1))
    tip = max(1, len(filled) // 20)
    filled = filled[tip:-tip]
    part = lung[filled]
    columns = part.argmax(axis=1) if side == 0 else part.shape[1] - part[:, ::-1].argmax(axis=1)
    smooth = cv2.GaussianBlur(columns.astype(np.float64)[:, np.newaxis], (1, 31), 6.0)[:, 0]
    return np.asarray(np.interp(rows, filled, smooth), np.float64)
