"""Random changes to films: how another room, another machine, another hand would have taken them.

Everything draws from the generator it is given, so that a film's change at an epoch is a function
of (seed, epoch, place) and a run that continues sees what it would have seen.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.lungs import WHOLE_FILM, Region

Film = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Strength:
    """How far the changes go.

    Attributes:
        rotation: Largest rotation, degrees.
        gamma: Largest absolute logarithm of gamma.
        contrast: Largest relative change of contrast.
        brightness: Largest change of brightness, as a share of the grey range.
        blur: Largest standard deviation of the blur, pixels of a 224-pixel film.
        noise: Largest standard deviation of the noise, grey values.
        margin_low: Least margin round the lungs' box, share of its side.
        margin_high: Largest margin.
        often: Chance of each of blur, coarsening, noise and shading.
    """

    rotation: float = 10.0
    gamma: float = 0.6
    contrast: float = 0.4
    brightness: float = 0.12
    blur: float = 1.3
    noise: float = 9.0
    margin_low: float = -0.02
    margin_high: float = 0.25
    often: float = 0.3


TRAINING = Strength()
# Judges models: milder than training in degree, as different from plain films as another hospital.
VALIDATION = Strength(rotation=6.0, gamma=0.5, contrast=0.3, blur=1.0, noise=6.0, often=0.5)


def expose(film: Film, rng: np.random.Generator, s: Strength) -> Film:
    """Change gamma, contrast and brightness, clipping at both ends as a bad exposure does."""
    grey = np.linspace(0.0, 1.0, 256) ** np.exp(rng.uniform(-s.gamma, s.gamma))
    grey = (grey - 0.5) * (1.0 + rng.uniform(-s.contrast, s.contrast)) + 0.5
    grey += rng.uniform(-s.brightness, s.brightness)
    exposed: Film = cv2.LUT(film, np.rint(np.clip(grey, 0.0, 1.0) * 255).astype(np.uint8))
    return exposed


def degrade(film: Film, rng: np.random.Generator, s: Strength) -> Film:
    """Shade, blur, coarsen and add noise, each now and then."""
    if rng.random() < s.often:
        film = _shade(film, rng)
    if rng.random() < s.often:
        film = cv2.GaussianBlur(film, (0, 0), float(rng.uniform(0.3, s.blur)))
    if rng.random() < s.often:
        film = _coarsen(film, float(rng.uniform(0.5, 1.0)))
    if rng.random() < s.often:
        noise = rng.standard_normal(film.shape, dtype=np.float32)
        film = _grey(film + noise * rng.uniform(1.0, s.noise))
    return film


def rotate(picture: Film, degrees: float, repeat_edge: bool = True) -> Film:
    """Turn about the centre; the corners that appear repeat the edge, or are 0 (masks)."""
    height, width = picture.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    border = cv2.BORDER_REPLICATE if repeat_edge else cv2.BORDER_CONSTANT
    turned: Film = cv2.warpAffine(
        picture, turn, (width, height), flags=cv2.INTER_LINEAR, borderMode=border
    )
    return turned


def jitter_box(box: Region | None, rng: np.random.Generator, s: Strength) -> Region:
    """Draw each side's margin by itself, which changes place, scale and aspect of the crop.

    Args:
        box: The lungs' bounding box without margin; None where they were not found.
        rng: Where the draws come from.
        s: How far to go.
    """
    if box is None:
        inset = rng.uniform(0.0, 0.1, 4)
        return Region(inset[0], inset[1], 1.0 - inset[2], 1.0 - inset[3])
    margins = rng.uniform(s.margin_low, s.margin_high, 4)
    width, height = box.x1 - box.x0, box.y1 - box.y0
    jittered = Region(
        max(0.0, box.x0 - margins[0] * width),
        max(0.0, box.y0 - margins[1] * height),
        min(1.0, box.x1 + margins[2] * width),
        min(1.0, box.y1 + margins[3] * height),
    )
    return jittered if rng.random() > 0.02 else WHOLE_FILM


def erase(picture: NDArray[np.float32], rng: np.random.Generator) -> None:
    """Grey out a rectangle in place, as lead markers, tubes and collimation hide parts."""
    size = picture.shape[0]
    height, width = rng.integers(size // 10, size // 3, 2)
    top, left = rng.integers(0, size - height), rng.integers(0, size - width)
    picture[top : top + height, left : left + width] = rng.random()


def _shade(film: Film, rng: np.random.Generator) -> Film:
    """Multiply by a slope, as an off-centre tube gives."""
    height, width = film.shape
    across, down = rng.uniform(-0.3, 0.3, 2)
    slope = 1.0 + across * np.linspace(-1, 1, width) + down * np.linspace(-1, 1, height)[:, None]
    return _grey(film * slope)


def _grey(values: NDArray[Any]) -> Film:
    """Clip to 8-bit grey."""
    return np.asarray(np.clip(values, 0, 255), dtype=np.uint8)


def _coarsen(film: Film, scale: float) -> Film:
    height, width = film.shape
    small = cv2.resize(film, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    coarse: Film = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    return coarse
