"""The two networks of a bundle at work, one behind the other: lungs first, then the classifier."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.bundle import Bundle
from ml.gate.observation import Observation, lung_numbers
from ml.lungs import Region, clean_mask
from ml.preparation.picture import (
    fitted_mask,
    made_smaller,
    picture_input,
    picture_of,
    shown_region,
)
from ml.preprocess import classifier_input, lung_region, segmenter_input
from ml.runtimes import Classified, Runtime

BATCH = 16


@dataclass(frozen=True, slots=True)
class Lungs:
    """A film reduced to what the classifier and the gate need, once its lungs are known.

    Attributes:
        mask: (S, S) cleaned, 0 or 255.
        count: Lungs in it, 0 to 2.
        region: The part of the film that the classifier sees.
        picture: (C, C, 1) that part, prepared.
        numbers: What the gate sees of the lung map.
    """

    mask: NDArray[np.uint8]
    count: int
    region: Region
    picture: NDArray[np.float32]
    numbers: NDArray[np.float32]


class NetworkPair:
    """Runs both networks on decoded films. Not to be shared between threads."""

    def __init__(self, runtime: Runtime, bundle: Bundle) -> None:
        """Put a bundle's networks to work.

        Args:
            runtime: That the networks are loaded into.
            bundle: Says how films become their inputs.
        """
        self._runtime = runtime
        self._preprocessing = bundle.preprocessing
        self._picture = bundle.picture

    def find_lungs(self, films: Sequence[NDArray[np.uint8]]) -> list[Lungs]:
        """Find the lungs of films (height, width), 8-bit grey, of any sizes."""
        if not films:
            return []
        if self._picture is not None:
            # As prepared films are, before anything else, so that the lungs found are the same.
            films = [made_smaller(film, self._picture.side) for film in films]
        p = self._preprocessing
        maps = self._runtime.segment(np.stack([segmenter_input(film, p) for film in films]))
        return [self._lungs(film, lung) for film, lung in zip(films, maps, strict=True)]

    def _lungs(self, film: NDArray[np.uint8], probability: NDArray[np.float32]) -> Lungs:
        mask, count = clean_mask(probability)
        region, picture = self._shown(film, mask)
        return Lungs(mask, count, region, picture, lung_numbers(probability, mask, count))

    def _shown(
        self, film: NDArray[np.uint8], mask: NDArray[np.uint8]
    ) -> tuple[Region, NDArray[np.float32]]:
        """Give what the classifier sees of a film: which part, and the picture of it."""
        steps, p = self._picture, self._preprocessing
        if steps is None:
            region = lung_region(mask, p)
            return region, classifier_input(film, region, p)
        fitted, _ = fitted_mask(mask, film)
        picture = picture_of(film, fitted, steps)
        return shown_region(fitted, steps), picture_input(picture, steps.input_size)

    def classify(self, films: Sequence[Lungs]) -> Classified:
        """Classify films whose lungs were found; at least one."""
        return self._runtime.classify(np.stack([film.picture for film in films]))

    def observe(self, films: Sequence[NDArray[np.uint8]]) -> list[Observation]:
        """Give what the gate sees of films, however many."""
        seen: list[Observation] = []
        for start in range(0, len(films), BATCH):
            lungs = self.find_lungs(films[start : start + BATCH])
            features = self.classify(lungs).features
            seen += [
                Observation(row, film.numbers) for row, film in zip(features, lungs, strict=True)
            ]
        return seen
