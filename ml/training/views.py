"""What of a film a classifier is shown: the way of the shipped bundle, and ways to compare it with.

Hiding is done once, before training; everything after it is the same for all views.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import cv2
import keras
import numpy as np
from numpy.typing import NDArray

from ml.lungs import clean_mask, mask_at
from ml.preprocess import Preprocessing, segmenter_input
from ml.training.prepare import CHUNK, PreparedFilms

MARGIN = 0.03
"""Lungs are hidden with a rim of this share of the film's side, or their edges would be seen."""


@dataclass(frozen=True, slots=True)
class View:
    """What is shown.

    Attributes:
        whole: The whole film in place of the box of the lungs.
        hidden: What is painted over with the film's mean grey.
    """

    whole: bool = False
    hidden: Literal["nothing", "surroundings", "lungs"] = "nothing"


VIEWS = {
    "lungs": View(),
    "whole": View(whole=True),
    "lungs_only": View(hidden="surroundings"),
    "outside_whole": View(whole=True, hidden="lungs"),
    "outside_lungs": View(hidden="lungs"),
}
"""By name. The last two show only what lies outside the lungs: how well a classifier does with
them says how much of its reading could come from there."""


def seen_through(
    films: PreparedFilms, view: str, segmenter: Path, cache: Path, show: Callable[[str], None]
) -> PreparedFilms:
    """Give films as a view shows them.

    Args:
        films: As prepared.
        view: One of `VIEWS`.
        segmenter: The trained segmenter, where something is to be hidden.
        cache: File to keep lung masks in.
        show: Takes lines of progress.

    Raises:
        ValueError: There is no such view.
    """
    if view not in VIEWS:
        raise ValueError(f"there is no view '{view}'; there are {', '.join(VIEWS)}")
    chosen = VIEWS[view]
    if chosen.hidden != "nothing":
        masks = _masks(films.films, segmenter, cache, show)
        lungs = chosen.hidden == "lungs"
        pairs = zip(films.films, masks, strict=True)
        films = replace(films, films=np.stack([hide(film, mask, lungs) for film, mask in pairs]))
    if chosen.whole:
        films = replace(films, boxes=np.full_like(films.boxes, np.nan))
    return films


def hide(film: NDArray[np.uint8], mask: NDArray[np.uint8], lungs: bool) -> NDArray[np.uint8]:
    """Paint over the lungs of a film, or all but the lungs, with its mean grey.

    Args:
        film: (height, width), 8-bit grey.
        mask: (S, S) cleaned lung mask, 0 or 255.
        lungs: Hide the lungs; False: hide their surroundings.
    """
    height, width = film.shape
    covered = mask_at(mask, width, height) > 0
    if lungs:
        rim = 2 * max(1, round(MARGIN * max(width, height))) + 1
        covered = cv2.dilate(covered.astype(np.uint8), np.ones((rim, rim), np.uint8)) > 0
    hidden = film.copy()
    hidden[covered == lungs] = round(float(film.mean()))
    return hidden


def _masks(
    films: NDArray[np.uint8], segmenter: Path, cache: Path, show: Callable[[str], None]
) -> NDArray[np.uint8]:
    """Find the lung masks (n, S, S), 0 or 255, of films, or take them from the cache."""
    size = Preprocessing().segmenter_size
    if cache.exists():
        with np.load(cache, allow_pickle=False) as kept:
            if len(kept["bits"]) == len(films):
                bits = np.unpackbits(kept["bits"], axis=-1, count=size)
                return np.asarray(bits * np.uint8(255))
    show(f"finding the lung masks of {len(films)} films")
    model = keras.saving.load_model(segmenter, compile=False, safe_mode=True)
    found = []
    for start in range(0, len(films), CHUNK):
        chunk = films[start : start + CHUNK]
        inputs = np.stack([segmenter_input(film, Preprocessing()) for film in chunk])
        maps = np.asarray(model.predict_on_batch(inputs))[..., 0]
        found += [clean_mask(lung)[0] for lung in maps]
    masks = np.stack(found)
    cache.parent.mkdir(parents=True, exist_ok=True)
    np.savez(cache, bits=np.packbits(masks > 0, axis=-1))
    return masks
