"""Sample sheets: films of a label before and after each recipe."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.datasets.records import Record
from ml.errors import FilmError
from ml.evaluation.contact_sheet import Titled, write_sheet
from ml.evaluation.overlays import HUMAN, Picture, with_contour
from ml.exploration.measuring import mask_of, opened
from ml.preparation.recipes import RECIPES, apply_recipe
from ml.preprocess import Preprocessing

HEIGHT = 224
"""Of a picture in a sheet, pixels; recipes are shown at the size that is usual for them."""


def write_sheets(
    films: Sequence[Record], labels: Sequence[str], each: int, p: Preprocessing, folder: Path
) -> dict[str, Path]:
    """Draw a sheet for each label of which a film can be read.

    Args:
        films: Samples of all labels.
        labels: The label set.
        each: Films on a sheet.
        p: Equalisation and margin of the recipes.
        folder: Gets `samples-LABEL.png`.

    Returns:
        The files by label.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for label in labels:
        rows = list(_rows([film for film in films if film.label == label][:each], p))
        if rows:
            shown = "; ".join(recipe.says for recipe in RECIPES.values())
            title = f"{label.replace('_', ' ')}: the film, its lung mask (blue); {shown}"
            path = folder / f"samples-{label}.png"
            written[label] = write_sheet(title, rows, 1, path)
    return written


def _rows(films: Sequence[Record], p: Preprocessing) -> Iterator[Titled]:
    for film in films:
        try:
            pixels, _ = opened(film)
        except (FilmError, OSError):
            continue
        found = mask_of(film, pixels)
        mask = found[0] if found else None
        before = _in_colour(_at_height(pixels))
        contoured = before if mask is None else with_contour(before, mask, HUMAN)
        after = [
            _in_colour(apply_recipe(pixels, mask, recipe, HEIGHT, p))
            if mask is not None or not recipe.needs_mask
            else np.zeros((HEIGHT, HEIGHT, 3), np.uint8)
            for recipe in RECIPES.values()
        ]
        missing = "" if mask is not None else ", no lung mask"
        yield f"{film.identifier[-48:]}{missing}", (before, contoured, *after)


def _at_height(film: NDArray[np.uint8]) -> NDArray[np.uint8]:
    width = max(1, round(film.shape[1] * HEIGHT / film.shape[0]))
    return np.asarray(cv2.resize(film, (width, HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)


def _in_colour(grey: NDArray[np.uint8]) -> Picture:
    return np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB), np.uint8)
