"""The films of a prepared recipe, and the batches that a network is trained on."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import keras
import numpy as np
from numpy.typing import NDArray

from ml.datasets.layouts import read_source
from ml.datasets.parts import TRAIN, VALIDATION
from ml.datasets.records import Record
from ml.images import read_grey
from ml.preparation.picture import as_inputs, brought_to
from ml.training.batches import balanced_order
from ml.training.perturb import TRAINING, expose, rotate

Inputs = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How films are changed in training, and how classes of unlike size are evened out.

    Attributes:
        copies: Times that each film comes in an epoch, changed anew each time.
        flip: Left and right are swapped in half of the copies.
        rotation: Largest rotation either way, degrees.
        exposure: Gamma, contrast and brightness are changed.
        balanced: As many films of each class come in an epoch; else each film comes, and weighs
            in the loss by how rare its class is.
    """

    copies: int = 1
    flip: bool = False
    rotation: float = 0.0
    exposure: bool = False
    balanced: bool = False


AUGMENTATIONS: Mapping[str, Augmentation] = {
    "none": Augmentation(),
    "flip_rotate_4": Augmentation(copies=4, flip=True, rotation=10.0),
    "balanced": Augmentation(flip=True, rotation=10.0, exposure=True, balanced=True),
}
"""By name. `flip_rotate_4` with class weights is that of the seed project."""


def known_augmentation(name: str) -> Augmentation:
    """Give an augmentation.

    Raises:
        ValueError: There is none of this name.
    """
    if name not in AUGMENTATIONS:
        raise ValueError(f"there is no augmentation '{name}'; there are {', '.join(AUGMENTATIONS)}")
    return AUGMENTATIONS[name]


@dataclass(frozen=True)
class RecipeFilms:
    """Films of one part.

    Attributes:
        pixels: (n, size, size), 8-bit grey.
        labels: (n,) label indices.
        patients: (n,) whose films they are.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    patients: NDArray[np.str_]

    def inputs(self) -> Inputs:
        """Give what the network sees of them unchanged, (n, size, size, 1), 0..1."""
        return as_inputs(self.pixels)


def read_recipe(
    folder: Path, labels: Sequence[str], size: int, most: int = 0
) -> tuple[tuple[str, ...], RecipeFilms, RecipeFilms]:
    """Read a prepared recipe: its label set, its training films and its validation films.

    Duplicates are left out of training. The test part is not opened.

    Args:
        folder: Of the recipe.
        labels: The label set, in order; empty for that of the data.
        size: Side that the pictures are brought to, pixels.
        most: Training films at most; 0 for all.

    Raises:
        ValueError: The folder is no data set of this label set, or is not divided.
    """
    source = read_source(folder, "manifest", labels)
    train = [f for f in source.films if f.split == TRAIN and not f.duplicate_of]
    train = of_some_patients(train, most) if most else train
    validation = [f for f in source.films if f.split == VALIDATION]
    for part, films in ((TRAIN, train), (VALIDATION, validation)):
        empty = [label for label in source.labels if label not in {film.label for film in films}]
        if empty:
            raise ValueError(
                f"{folder} has no film of {', '.join(empty)} in the split '{part}'; `python -m ml "
                "prepare` divides a data set so that each split has each class"
            )
    names = tuple(source.labels)
    return names, _loaded(train, names, size), _loaded(validation, names, size)


def of_some_patients(films: Sequence[Record], most: int) -> list[Record]:
    """Take the films of patients drawn by chance, always the same ones, `most` films at most."""
    films_of = Counter(film.patient for film in films)
    drawn = np.random.default_rng(0).permutation(sorted(films_of))
    fitting = np.cumsum([films_of[patient] for patient in drawn]) <= most
    chosen = set(drawn[fitting].tolist())
    return [film for film in films if film.patient in chosen]


def _loaded(films: Sequence[Record], labels: Sequence[str], size: int) -> RecipeFilms:
    pixels = [brought_to(read_grey(film.image), size) for film in films]
    indices = np.array([labels.index(film.label) for film in films], np.int64)
    patients = np.array([film.patient for film in films], np.str_)
    return RecipeFilms(np.stack(pixels), indices, patients)


class RecipeBatches(keras.utils.PyDataset):
    """The batches of one epoch; the same key always gives the same ones."""

    def __init__(
        self, films: RecipeFilms, labels: int, how: Augmentation, batch: int, key: tuple[int, int]
    ) -> None:
        """Lay out an epoch.

        Args:
            films: The training films.
            labels: Number of labels.
            how: They are changed.
            batch: Films a step; the last step has what is left.
            key: Seed of the run and epoch.
        """
        super().__init__(workers=2, max_queue_size=8)
        self._films = films
        self._how = how
        self._batch = batch
        self._key = key
        self._labels = labels
        self._weights = np.ones(labels) if how.balanced else class_weights(films.labels, labels)
        rng = np.random.default_rng(key)
        places = np.arange(len(films.labels))
        rounds = [
            balanced_order(films.labels, rng) if how.balanced else rng.permutation(places)
            for _ in range(how.copies)
        ]
        self._order = np.concatenate(rounds)

    def __len__(self) -> int:
        return -(-len(self._order) // self._batch)

    def __getitem__(self, index: int) -> tuple[Inputs, Inputs, Inputs]:
        cv2.setNumThreads(1)
        chosen = self._order[index * self._batch : (index + 1) * self._batch]
        rng = np.random.default_rng((*self._key, index + 1))
        films = np.stack([self._changed(self._films.pixels[place], rng) for place in chosen])
        labels = self._films.labels[chosen]
        targets = np.eye(self._labels, dtype=np.float32)[labels]
        return as_inputs(films), targets, self._weights[labels].astype(np.float32)

    def _changed(self, film: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
        if self._how.flip and rng.random() < 0.5:
            film = np.ascontiguousarray(film[:, ::-1])
        if self._how.rotation:
            film = rotate(film, float(rng.uniform(-self._how.rotation, self._how.rotation)))
        return expose(film, rng, TRAINING) if self._how.exposure else film


def class_weights(labels: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """Weigh each class by how rare it is, so that the mean weight of a film is 1."""
    films = np.bincount(labels, minlength=count)
    return np.asarray(len(labels) / (count * np.maximum(films, 1)), np.float64)
