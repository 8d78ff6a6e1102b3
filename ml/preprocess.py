"""From a film to what the networks see. Training and reading both go through these functions."""

import threading
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.lungs import WHOLE_FILM, Region, count_lungs, lung_box

SEGMENTER_SIZE = 256
# A lung box smaller than this share of the film's width or height is no pair of lungs: the
# smallest in the training masks spans 0.4 of either.
MIN_BOX_SIDE = 0.25
_local = threading.local()


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How films become network inputs; part of a bundle's manifest.

    Attributes:
        segmenter_size: Side of the segmenter's square input, pixels.
        classifier_size: Side of the classifier's square input, pixels.
        clahe_clip: Clip limit of the contrast-limited histogram equalisation.
        clahe_tiles: Tiles each way of that equalisation.
        lung_margin: Margin round the lungs' box, as a share of the box's width and height.
        stretch_percentile: Grey values below this percentile and above its mirror are clipped
            before the equalisation; 0 leaves the grey values alone.
    """

    segmenter_size: int = SEGMENTER_SIZE
    classifier_size: int = 128
    clahe_clip: float = 2.0
    clahe_tiles: int = 4
    lung_margin: float = 0.10
    stretch_percentile: float = 1.0


def segmenter_input(film: NDArray[np.uint8], p: Preprocessing) -> NDArray[np.float32]:
    """Give the segmenter's view of a film, squashed to a square.

    Args:
        film: (height, width), 8-bit grey.
        p: The bundle's preprocessing.

    Returns:
        (S, S, 1) float32, 0..1.
    """
    return _network_input(film, p.segmenter_size, p)


def lung_region(mask: NDArray[np.uint8], p: Preprocessing) -> Region:
    """Give the box of both lungs with a margin, or the whole film where they were not found.

    Args:
        mask: A cleaned lung mask, 0 or 255, in any geometry of the film.
        p: The bundle's preprocessing.
    """
    return lung_margin_region(plausible_box(mask), p)


def lung_margin_region(box: Region | None, p: Preprocessing) -> Region:
    """Widen a lung box by the margin; the whole film where there is no box."""
    if box is None:
        return WHOLE_FILM
    dx, dy = p.lung_margin * (box.x1 - box.x0), p.lung_margin * (box.y1 - box.y0)
    return Region(
        max(0.0, box.x0 - dx), max(0.0, box.y0 - dy), min(1.0, box.x1 + dx), min(1.0, box.y1 + dy)
    )


def plausible_box(mask: NDArray[np.uint8]) -> Region | None:
    """Bound both lungs of a cleaned mask, without margin; None where they were not found."""
    box = lung_box(mask)
    if box is None or count_lungs(mask) < 2 or _implausible(box):
        return None
    return box


def classifier_input(
    film: NDArray[np.uint8], region: Region, p: Preprocessing
) -> NDArray[np.float32]:
    """Give the classifier's view of a film: the lungs, squashed to a square.

    The squash takes away the film's aspect ratio, which by itself tells normal films from others
    in this data set and means nothing elsewhere.

    Args:
        film: (height, width), 8-bit grey.
        region: What `lung_region` found.
        p: The bundle's preprocessing.

    Returns:
        (C, C, 1) float32, 0..1.
    """
    height, width = film.shape
    left, top, right, bottom = region.pixels(width, height)
    return _network_input(film[top:bottom, left:right], p.classifier_size, p)


def enhance(grey: NDArray[np.uint8], p: Preprocessing) -> NDArray[np.uint8]:
    """Stretch the grey values to the full range, then equalise contrast locally (CLAHE)."""
    if p.stretch_percentile > 0:
        grey = _stretch(grey, p.stretch_percentile)
    equalised: NDArray[np.uint8] = _clahe(p.clahe_clip, p.clahe_tiles).apply(grey)
    return equalised


def _network_input(grey: NDArray[np.uint8], size: int, p: Preprocessing) -> NDArray[np.float32]:
    square = cv2.resize(grey, (size, size), interpolation=cv2.INTER_AREA)
    scaled: NDArray[np.float32] = enhance(square, p).astype(np.float32) / np.float32(255.0)
    return scaled[..., np.newaxis]


def _stretch(grey: NDArray[np.uint8], percentile: float) -> NDArray[np.uint8]:
    """Map [percentile, 100 - percentile] of the grey values to 0..255 by a table."""
    shares = np.cumsum(np.bincount(grey.ravel(), minlength=256)) / grey.size
    low = int(np.searchsorted(shares, percentile / 100))
    high = int(np.searchsorted(shares, 1 - percentile / 100))
    if high <= low:
        return grey
    table = np.clip((np.arange(256) - low) * (255.0 / (high - low)), 0, 255)
    stretched: NDArray[np.uint8] = cv2.LUT(grey, np.rint(table).astype(np.uint8))
    return stretched


def _clahe(clip: float, tiles: int) -> Any:
    """Give this thread's equaliser: one shared between threads gives wrong pictures."""
    equalisers: dict[tuple[float, int], Any] = _local.__dict__.setdefault("equalisers", {})
    key = (clip, tiles)
    if key not in equalisers:
        equalisers[key] = cv2.createCLAHE(clipLimit=clip, tileGridSize=(tiles, tiles))
    return equalisers[key]


def _implausible(box: Region) -> bool:
    return box.x1 - box.x0 < MIN_BOX_SIDE or box.y1 - box.y0 < MIN_BOX_SIDE
