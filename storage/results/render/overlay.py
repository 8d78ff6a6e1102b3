"""Film, lung contour and heat in one picture, and the heat alone."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from storage.results.render.film import Grey

Colour = NDArray[np.uint8]
"""(height, width, 3), blue, green, red."""

NOTICE = "RESEARCH USE ONLY - NOT A DIAGNOSIS"
SHORT_NOTICE = "RESEARCH USE"
_COLOURS = cv2.COLORMAP_VIRIDIS
"""Grows in lightness all the way, so that it reads the same with any kind of colour blindness."""
_HEAT_SHARE = 0.6
"""The film stays visible under the hottest place."""
_CONTOUR = (255, 255, 255)
_CONTOUR_EDGE = (0, 0, 0)
_BAR = (24, 24, 24)
_LETTERS = (235, 235, 235)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_ROWS = 256
_NARROW = 260


def draw_overlay(film: Grey, mask: Grey, heat: Grey) -> Colour:
    """Draw heat over the film, the lungs' contour over both, and the notice below.

    Args:
        film: (height, width).
        mask: The same shape, 0 or 255.
        heat: The same shape, 0 to 255.

    Returns:
        The picture, with a bar for the notice added below the film.
    """
    picture = _blend(film, heat)
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    thickness = max(1, round(max(film.shape) / 700))
    cv2.drawContours(picture, contours, -1, _CONTOUR_EDGE, thickness + 2, cv2.LINE_AA)
    cv2.drawContours(picture, contours, -1, _CONTOUR, thickness, cv2.LINE_AA)
    return np.vstack([picture, _notice(film.shape[1])])


def draw_heatmap(
    heat: Grey, box: tuple[int, int, int, int], *, fade: bool = False
) -> NDArray[np.uint8]:
    """Draw the heat alone, to be laid over a film.

    Args:
        heat: (height, width), 0 to 255.
        box: The region that the classifier saw, in pixels; outside it the picture is transparent.
        fade: Whether alpha inside it is the heat itself, or full.

    Returns:
        (height, width, 4), blue, green, red, alpha.
    """
    x0, y0, x1, y1 = box
    picture = cv2.cvtColor(cv2.applyColorMap(heat, _COLOURS), cv2.COLOR_BGR2BGRA)
    picture[..., 3] = 0
    picture[y0:y1, x0:x1, 3] = heat[y0:y1, x0:x1] if fade else 255
    return np.asarray(picture, np.uint8)


def _blend(film: Grey, heat: Grey) -> Colour:
    """Lay colour over the film, the more the hotter; a band of rows at a time saves memory."""
    picture = np.asarray(cv2.cvtColor(film, cv2.COLOR_GRAY2BGR), np.uint8)
    for row in range(0, film.shape[0], _ROWS):
        band = slice(row, row + _ROWS)
        share = heat[band, :, np.newaxis].astype(np.float32) * (_HEAT_SHARE / 255)
        colour = cv2.applyColorMap(heat[band], _COLOURS)
        picture[band] = picture[band] * (1 - share) + colour * share
    return picture


def _notice(width: int) -> Colour:
    """A bar as wide as the film that says what the picture is for."""
    text = NOTICE if width >= _NARROW else SHORT_NOTICE
    (natural, _), _ = cv2.getTextSize(text, _FONT, 1.0, 1)
    scale = min(0.9, width * 0.72 / max(1, natural))
    thickness = 2 if scale > 0.7 else 1
    (written, tall), below = cv2.getTextSize(text, _FONT, scale, thickness)
    bar = np.full((tall + below + max(4, tall // 2), width, 3), _BAR, np.uint8)
    at = (max(0, (width - written) // 2), bar.shape[0] - below - max(2, tall // 4))
    cv2.putText(bar, text, at, _FONT, scale, _LETTERS, thickness, cv2.LINE_AA)
    return bar
