"""The two networks of a bundle at work, one behind the other: lungs first, then the classifier."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.gate.observation import Observation, lung_numbers
from ml.lungs import Region, clean_mask
from ml.preprocess import Preprocessing, classifier_input, lung_region, segmenter_input
from ml.runtimes import Classified, Runtime

BATCH = 16


@dataclass(frozen=True, slots=True)
class Lungs:
    """A film reduced to what the classifier and the gate need, once its lungs are known.

    Attributes:
        mask: (S, S) cleaned, 0 or 255.
        count: Lungs in it, 0 to 2.
        region: The part of the film that the classifier sees.
        crop: (C, C, 1) that part, prepared.
        numbers: What the gate sees of the lung map.
    """

    mask: NDArray[np.uint8]
    count: int
    region: Region
    crop: NDArray[np.float32]
    numbers: NDArray[np.float32]


class NetworkPair:
    """Runs both networks on decoded films. Not to be shared between threads."""

    def __init__(self, runtime: Runtime, preprocessing: Preprocessing) -> None:
        self._runtime = runtime
        self._preprocessing = preprocessing

    def find_lungs(self, films: Sequence[NDArray[np.uint8]]) -> list[Lungs]:
        """Find the lungs of films (height, width), 8-bit grey, of any sizes."""
        if not films:
            return []
        p = self._preprocessing
        maps = self._runtime.segment(np.stack([segmenter_input(film, p) for film in films]))
        return [self._lungs(film, lung) for film, lung in zip(films, maps, strict=True)]

    def _lungs(self, film: NDArray[np.uint8], probability: NDArray[np.float32]) -> Lungs:
        p = self._preprocessing
        mask, count = clean_mask(probability)
        region = lung_region(mask, p)
        numbers = lung_numbers(probability, mask, count)
        return Lungs(mask, count, region, classifier_input(film, region, p), numbers)

    def classify(self, films: Sequence[Lungs]) -> Classified:
        """Classify films whose lungs were found; at least one."""
        return self._runtime.classify(np.stack([film.crop for film in films]))

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
