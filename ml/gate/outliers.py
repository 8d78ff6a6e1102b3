"""Pictures that are no upright frontal chest films, made from films or from nothing.

The gate's small network learns from some of them; what it never saw (photographs, other body
parts, other machines) judges it, see `ml.gate.judging`.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.training.perturb import VALIDATION, degrade, expose, rotate

Film = NDArray[np.uint8]
FromFilm = Callable[[Film, np.random.Generator], Film]
Made = Callable[[np.random.Generator], Film]

SIDE = 224
MOST_CROP = 0.08
MOST_TURN = 5.0


def varied(film: Film, rng: np.random.Generator) -> Film:
    """Change a picture as another room, machine and hand would have: it stays what it is."""
    height, width = film.shape
    top, bottom, left, right = (
        rng.uniform(0.0, MOST_CROP, 4) * (height, height, width, width)
    ).astype(int)
    film = np.ascontiguousarray(film[top : height - bottom, left : width - right])
    film = rotate(film, float(rng.uniform(-MOST_TURN, MOST_TURN)))
    return degrade(expose(film, rng, VALIDATION), rng, VALIDATION)


def turned(quarters: int) -> FromFilm:
    """Make a film that was turned by so many quarters of a circle."""
    return lambda film, rng: np.ascontiguousarray(np.rot90(film, quarters))


def upside_down(film: Film, rng: np.random.Generator) -> Film:
    """Mirror top and bottom: turned by 180 degrees and seen from behind."""
    return np.ascontiguousarray(film[::-1])


def inverted(film: Film, rng: np.random.Generator) -> Film:
    """Swap black and white, as a file with the wrong photometric interpretation shows."""
    return np.asarray(255 - film, np.uint8)


def part(film: Film, rng: np.random.Generator) -> Film:
    """Cut out a ninth to a quarter of a film: another view than the whole chest."""
    height, width = film.shape
    share = rng.uniform(1 / 3, 1 / 2)
    h, w = int(height * share), int(width * share)
    top, left = int(rng.integers(0, height - h)), int(rng.integers(0, width - w))
    return np.ascontiguousarray(film[top : top + h, left : left + w])


def blank(rng: np.random.Generator) -> Film:
    """One grey, with or without a little noise or a frame."""
    film = np.full((SIDE, SIDE), rng.integers(0, 256), np.uint8)
    if rng.random() < 0.5:
        film = np.asarray(
            np.clip(film + rng.normal(0, rng.uniform(0.5, 4), film.shape), 0, 255), np.uint8
        )
    if rng.random() < 0.3:
        edge = int(rng.integers(4, 40))
        film[:edge], film[-edge:], film[:, :edge], film[:, -edge:] = (
            int(v) for v in rng.integers(0, 256, 4)
        )
    return film


def noise(rng: np.random.Generator) -> Film:
    """Noise of any grain, from white to clouds."""
    grain = int(2 ** rng.uniform(0, 6))
    coarse = rng.random((SIDE // grain + 2, SIDE // grain + 2), dtype=np.float32)
    smooth = cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    low, high = np.sort(rng.uniform(0, 255, 2))
    return np.asarray(np.clip(low + smooth * (high - low + 20), 0, 255), np.uint8)


def gradient(rng: np.random.Generator) -> Film:
    """A slope or a vignette, with or without noise."""
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    slope = x * np.cos(angle) + y * np.sin(angle)
    shape = slope if rng.random() < 0.5 else np.hypot(x - rng.uniform(-0.5, 0.5), y)
    grey = 127 + rng.uniform(-120, 120) * shape + rng.normal(0, rng.uniform(0, 12), shape.shape)
    return np.asarray(np.clip(grey, 0, 255), np.uint8)


def drawing(rng: np.random.Generator) -> Film:
    """Lines, boxes, ellipses and words on paper, light or dark."""
    paper, ink = (255, 0) if rng.random() < 0.5 else (0, 255)
    film = np.full((SIDE, SIDE), paper, np.uint8)
    for _ in range(int(rng.integers(3, 25))):
        _draw(film, rng, int(np.clip(ink + rng.normal(0, 60), 0, 255)))
    return film


def _draw(film: Film, rng: np.random.Generator, ink: int) -> None:
    a, b = ((int(v) for v in rng.integers(0, SIDE, 2)) for _ in range(2))
    start, end = tuple(a), tuple(b)
    thick = int(rng.choice([1, 2, 4, -1]))
    kind = int(rng.integers(0, 4))
    if kind == 0:
        cv2.line(film, start, end, ink, abs(thick))
    elif kind == 1:
        cv2.rectangle(film, start, end, ink, thick)
    elif kind == 2:
        axes = (int(rng.integers(5, 80)), int(rng.integers(5, 80)))
        cv2.ellipse(film, start, axes, float(rng.uniform(0, 180)), 0, 360, ink, thick)
    else:
        words = "".join(chr(c) for c in rng.integers(65, 91, int(rng.integers(2, 12))))
        cv2.putText(
            film, words, start, cv2.FONT_HERSHEY_SIMPLEX, float(rng.uniform(0.4, 1.5)), ink, 2
        )


FROM_FILMS: dict[str, FromFilm] = {
    "turned_90": turned(1),
    "turned_180": turned(2),
    "turned_270": turned(3),
    "upside_down": upside_down,
    "inverted": inverted,
    "part": part,
}
MADE: dict[str, Made] = {
    "blank": blank,
    "noise": noise,
    "gradient": gradient,
    "drawing": drawing,
}
