"""Films drawn with what was read from them, in colour."""

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.analyzer import Reading

Picture = NDArray[np.uint8]
"""(height, width, 3), red, green, blue."""
Grey = NDArray[np.uint8]
Rgb = tuple[int, int, int]

TILE = 480
"""Longest side of a film in a sheet, pixels."""
_COLOURS = cv2.COLORMAP_VIRIDIS
"""Grows in lightness all the way, so that it reads the same with any kind of colour blindness."""
_HEAT_SHARE = 0.6
_EDGE = (0, 0, 0)
LUNGS = (255, 255, 255)
OURS = (255, 170, 0)
HUMAN = (70, 190, 255)


def film_tile(film: Grey) -> Picture:
    """Scale a film to the size of a tile, its aspect kept."""
    height, width = film.shape
    scale = TILE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.cvtColor(cv2.resize(film, size, interpolation=way), cv2.COLOR_GRAY2RGB))


def with_heat(tile: Picture, reading: Reading, label: int) -> Picture:
    """Lay a label's class activation over the part of the film that the classifier saw.

    What speaks against the label is left uncoloured; the hottest place has the full colour.
    """
    height, width = tile.shape[:2]
    left, top, right, bottom = reading.region.pixels(width, height)
    speaks_for = np.maximum(reading.activation[label], 0.0)
    strength = speaks_for / max(float(speaks_for.max()), 1e-6)
    size = (right - left, bottom - top)
    smooth = np.clip(cv2.resize(strength, size, interpolation=cv2.INTER_CUBIC), 0.0, 1.0)
    heat = np.asarray(np.rint(smooth * 255), np.uint8)
    colour = cv2.cvtColor(cv2.applyColorMap(heat, _COLOURS), cv2.COLOR_BGR2RGB)
    share = smooth[..., np.newaxis] * _HEAT_SHARE
    drawn = tile.copy()
    part = drawn[top:bottom, left:right]
    drawn[top:bottom, left:right] = np.rint(part * (1 - share) + colour * share)
    return drawn


def with_contour(tile: Picture, mask: Grey, colour: Rgb) -> Picture:
    """Draw a mask's contour.

    Args:
        tile: What to draw on.
        mask: 0 or 255, of the same film, in any geometry.
        colour: Of the line, which gets a dark edge.
    """
    height, width = tile.shape[:2]
    scaled = cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR)
    binary = np.asarray(scaled >= 128, np.uint8)
    contours, _ = cv2.findContours(binary, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    drawn = tile.copy()
    cv2.drawContours(drawn, contours, -1, _EDGE, 4, cv2.LINE_AA)
    cv2.drawContours(drawn, contours, -1, colour, 2, cv2.LINE_AA)
    return drawn
