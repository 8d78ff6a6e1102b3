"""What a reading knows about places, brought to a picture's geometry: lung mask and heat."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from lungline.errors import FilmRejected
from storage.results.render.film import Grey

_HALF = 127


def mask_at(coded: bytes, width: int, height: int) -> Grey:
    """Scale a stored lung mask (PNG, network geometry) to a picture.

    Returns:
        (height, width), 0 outside the lungs, 255 inside: linear scaling, cut at one half.

    Raises:
        FilmRejected: The stored mask cannot be decoded.
    """
    mask = cv2.imdecode(np.frombuffer(coded, np.uint8), cv2.IMREAD_GRAYSCALE)
    if mask is None:
        raise FilmRejected("undecodable", "The stored lung mask cannot be decoded.")
    scaled = cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.where(scaled > _HALF, 255, 0).astype(np.uint8)


def heat_at(
    activation: Sequence[Sequence[float]] | NDArray[np.float32],
    region: Sequence[float],
    width: int,
    height: int,
) -> Grey:
    """Scale a class activation map to a picture.

    What speaks for the label (above zero) is shown, relative to its highest point, as in
    Zhou et al., "Learning Deep Features for Discriminative Localization", CVPR 2016.

    Args:
        activation: (h, w), over the region that the classifier saw.
        region: x0, y0, x1, y1 of that region, 0 to 1 of the film.
        width: Of the picture, in pixels.
        height: Of the picture, in pixels.

    Returns:
        (height, width), 0 to 255; 0 outside the region.
    """
    heat = np.zeros((height, width), np.uint8)
    x0, y0, x1, y1 = box_of(region, width, height)
    positive = np.maximum(np.asarray(activation, np.float32), 0)
    peak = float(positive.max(initial=0))
    if peak <= 0 or not np.isfinite(peak):
        return heat
    levels = (positive * (255 / peak)).astype(np.uint8)
    heat[y0:y1, x0:x1] = cv2.resize(levels, (x1 - x0, y1 - y0), interpolation=cv2.INTER_CUBIC)
    return heat


def box_of(region: Sequence[float], width: int, height: int) -> tuple[int, int, int, int]:
    """A relative region in pixels, at least one wide and high, inside the picture."""
    x0, y0, x1, y1 = (min(1.0, max(0.0, float(side))) for side in region)
    left, top = min(width - 1, round(x0 * width)), min(height - 1, round(y0 * height))
    right, bottom = max(left + 1, round(x1 * width)), max(top + 1, round(y1 * height))
    return left, top, min(width, right), min(height, bottom)
