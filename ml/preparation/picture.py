"""From a film and its lungs to the picture that a network is shown.

`python -m ml prepare` writes this picture, training reads it, and the `Analyzer` makes it again of
every film that it reads: all by the functions below.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.lungs import WHOLE_FILM, Region, clean_mask, mask_at
from ml.preparation.recipes import RECIPES, apply_recipe
from ml.preprocess import Preprocessing, lung_region


@dataclass(frozen=True, slots=True)
class PictureSteps:
    """How a film becomes the picture that a classifier is shown; part of a bundle's manifest.

    Attributes:
        recipe: A name of `ml.preparation.recipes.RECIPES`.
        side: Longest side of the film before anything else, pixels; larger ones are made smaller.
        size: Side of the recipe's square, pixels.
        input_size: Side of the classifier's input, to which the square is brought, pixels.
        clahe_clip: Clip limit of the equalisation; 0: none.
        clahe_tiles: Tiles each way.
        lung_margin: Margin round the lungs' box, as a share of it.
    """

    recipe: str
    side: int
    size: int
    input_size: int
    clahe_clip: float
    clahe_tiles: int
    lung_margin: float

    def __post_init__(self) -> None:
        if self.recipe not in RECIPES:
            raise ValueError(f"there is no recipe '{self.recipe}'; there are {', '.join(RECIPES)}")
        sides = (self.side, self.size, self.input_size, self.clahe_tiles)
        if min(sides) < 1 or self.clahe_clip < 0 or self.lung_margin < 0:
            raise ValueError("sides and tiles of a picture are above 0, clip and margin not below")

    def preprocessing(self) -> Preprocessing:
        """Give the part of them that recipes take."""
        return Preprocessing(
            clahe_clip=self.clahe_clip,
            clahe_tiles=self.clahe_tiles,
            lung_margin=self.lung_margin,
            stretch_percentile=0.0,
        )


def made_smaller(film: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Scale a film so that its longest side is at most `side` pixels."""
    height, width = film.shape
    scale = side / max(height, width)
    if scale >= 1.0:
        return film
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(film, size, interpolation=cv2.INTER_AREA), np.uint8)


def fitted_mask(mask: NDArray[np.uint8], film: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], int]:
    """Bring a lung mask, 0 or 255, to a film's geometry and clean it; give its lungs too."""
    height, width = film.shape
    return clean_mask(mask_at(mask, width, height) / np.float32(255.0))


def picture_of(
    film: NDArray[np.uint8], mask: NDArray[np.uint8] | None, steps: PictureSteps
) -> NDArray[np.uint8]:
    """Make the picture (size, size), 8-bit grey.

    Args:
        film: As `made_smaller` gives it.
        mask: As `fitted_mask` gives it; None where the recipe needs none.
        steps: How.

    Raises:
        ValueError: The recipe needs a mask, and there is none.
    """
    return apply_recipe(film, mask, RECIPES[steps.recipe], steps.size, steps.preprocessing())


def picture_input(picture: NDArray[np.uint8], size: int) -> NDArray[np.float32]:
    """Give what a network of this input sees of a picture, (size, size, 1), 0..1."""
    return as_inputs(brought_to(picture, size))


def brought_to(picture: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Scale a square picture to another side, pixels."""
    scaled = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(scaled, np.uint8)


def as_inputs(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Bring pictures (..., size, size) to (..., size, size, 1), 0..1."""
    return np.asarray(pixels[..., np.newaxis] / np.float32(255.0), np.float32)


def shown_region(mask: NDArray[np.uint8], steps: PictureSteps) -> Region:
    """Give the part of the film that the picture shows."""
    if not RECIPES[steps.recipe].cropped:
        return WHOLE_FILM
    return lung_region(mask, steps.preprocessing())
