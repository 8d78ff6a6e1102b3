"""The batches that a classifier is trained and judged on."""

import cv2
import keras
import numpy as np
from numpy.typing import NDArray

from ml.lungs import Region
from ml.preprocess import Preprocessing, classifier_input, lung_margin_region
from ml.training.perturb import (
    TRAINING,
    VALIDATION,
    Strength,
    degrade,
    erase,
    expose,
    jitter_box,
    rotate,
)
from ml.training.prepare import PreparedFilms

Inputs = NDArray[np.float32]
ERASE_SHARE = 0.3


class BalancedBatches(keras.utils.PyDataset):
    """The batches of one epoch: as many films of each label, each changed anew."""

    def __init__(
        self, films: PreparedFilms, labels: int, batch: int, size: int, key: tuple[int, int]
    ) -> None:
        """Lay out an epoch.

        Args:
            films: The training films.
            labels: Number of labels.
            batch: Films a step.
            size: Side of the input, pixels.
            key: Seed of the run and epoch; every draw follows from it and the step.
        """
        super().__init__(workers=2, max_queue_size=8)
        self._films = films
        self._labels = labels
        self._batch = batch
        self._size = size
        self._key = key
        self._order = balanced_order(films.labels, np.random.default_rng(key))

    def __len__(self) -> int:
        return len(self._order) // self._batch

    def __getitem__(self, index: int) -> tuple[Inputs, Inputs]:
        cv2.setNumThreads(1)
        chosen = self._order[index * self._batch : (index + 1) * self._batch]
        rng = np.random.default_rng((*self._key, index + 1))
        inputs = np.stack([self._changed(int(i), rng) for i in chosen])
        return inputs, np.eye(self._labels, dtype=np.float32)[self._films.labels[chosen]]

    def _changed(self, index: int, rng: np.random.Generator) -> Inputs:
        film, box = self._films.films[index], self._films.box(index)
        if rng.random() < 0.5:
            film, box = mirror(film, box)
        inputs = perturbed_input(film, box, self._size, rng, TRAINING)
        if rng.random() < ERASE_SHARE:
            erase(inputs, rng)
        return inputs


def balanced_order(labels: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Give about len(labels) indices, as many of each label, each label's films in turn."""
    kinds = np.unique(labels)
    each = len(labels) // len(kinds)
    drawn = []
    for kind in kinds:
        own = np.flatnonzero(labels == kind)
        rounds = [rng.permutation(own) for _ in range(-(-each // len(own)))]
        drawn.append(np.concatenate(rounds)[:each])
    return rng.permutation(np.concatenate(drawn))


def mirror(film: NDArray[np.uint8], box: Region | None) -> tuple[NDArray[np.uint8], Region | None]:
    """Swap left and right of a film and its box."""
    flipped = np.ascontiguousarray(film[:, ::-1])
    return flipped, box and Region(1.0 - box.x1, box.y0, 1.0 - box.x0, box.y1)


def perturbed_input(
    film: NDArray[np.uint8],
    box: Region | None,
    size: int,
    rng: np.random.Generator,
    strength: Strength,
) -> Inputs:
    """Change a film at random, crop it to its jittered lung box, and prepare it."""
    film = rotate(film, float(rng.uniform(-strength.rotation, strength.rotation)))
    film = degrade(expose(film, rng, strength), rng, strength)
    region = jitter_box(box, rng, strength)
    return classifier_input(film, region, Preprocessing(classifier_size=size))


def clean_inputs(films: PreparedFilms, size: int) -> Inputs:
    """Prepare films as reading does: (n, size, size, 1)."""
    p = Preprocessing(classifier_size=size)
    regions = [lung_margin_region(films.box(i), p) for i in range(len(films))]
    pairs = zip(films.films, regions, strict=True)
    return np.stack([classifier_input(film, region, p) for film, region in pairs])


def perturbed_inputs(films: PreparedFilms, size: int, seed: int) -> Inputs:
    """Prepare films after changes in aspect, exposure, sharpness and crop; same seed, same films.

    Validation films carved out of a train part are too like it to tell good models apart; these
    are less so.
    """
    return np.stack(
        [
            perturbed_input(film, films.box(i), size, np.random.default_rng((seed, i)), VALIDATION)
            for i, film in enumerate(films.films)
        ]
    )
