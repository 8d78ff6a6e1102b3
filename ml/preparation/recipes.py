"""Recipes: what of a film a network is shown."""

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.lungs import mask_at
from ml.preprocess import Preprocessing, enhance, lung_region


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is done to a film before it is squashed to a square and equalised.

    Attributes:
        cropped: To the box of both lungs with a margin.
        masked: What is not lung is painted black, after the equalisation.
        says: For people.
    """

    cropped: bool
    masked: bool
    says: str

    @property
    def needs_mask(self) -> bool:
        """Whether it can do without a lung mask."""
        return self.cropped or self.masked


RECIPES: Mapping[str, Recipe] = {
    "whole_clahe": Recipe(False, False, "whole film with CLAHE"),
    "background_removed": Recipe(False, True, "background removed by the mask"),
    "lung_crop": Recipe(True, False, "cropped to the lungs"),
    "segmented_crop": Recipe(True, True, "lungs segmented and cropped"),
}
"""By name."""

EQUALISATION = Preprocessing(clahe_clip=3.0, clahe_tiles=20, stretch_percentile=0.0)
"""CLAHE after resizing, clip limit 3.0 and 20 x 20 tiles."""


def apply_recipe(
    film: NDArray[np.uint8],
    mask: NDArray[np.uint8] | None,
    recipe: Recipe,
    size: int,
    p: Preprocessing = EQUALISATION,
) -> NDArray[np.uint8]:
    """Make the picture (size, size), 8-bit grey.

    Args:
        film: (height, width), 8-bit grey.
        mask: Its cleaned lung mask, 0 or 255, in any geometry; None where the recipe needs none.
        recipe: What to do.
        size: Side of the square, pixels.
        p: Clip limit and tiles of the equalisation (clip limit 0: none), margin of the crop.

    Raises:
        ValueError: The recipe needs a mask, and there is none.
    """
    if recipe.needs_mask and mask is None:
        raise ValueError(f"'{recipe.says}' needs a lung mask")
    if recipe.cropped and mask is not None:
        region = lung_region(mask, p)
        film, mask = (
            _cut(picture, region.pixels(*picture.shape[::-1])) for picture in (film, mask)
        )
    square = np.asarray(cv2.resize(film, (size, size), interpolation=cv2.INTER_AREA), np.uint8)
    if p.clahe_clip > 0:
        square = enhance(square, p)
    if recipe.masked and mask is not None:
        square = np.where(mask_at(mask, size, size) > 0, square, np.uint8(0))
    return square


def _cut(picture: NDArray[np.uint8], box: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    left, top, right, bottom = box
    return picture[top:bottom, left:right]
