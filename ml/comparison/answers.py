"""What a trained network said of the validation films; what a comparison is computed from."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ml.evaluation.metrics import Floats

FILE = "answers.npz"


@dataclass(frozen=True)
class Answers:
    """Answers of one run.

    Attributes:
        labels: The label set.
        truth: (n,) label indices.
        patients: (n,) whose films they are.
        logits: (n, labels).
    """

    labels: tuple[str, ...]
    truth: NDArray[np.int64]
    patients: NDArray[np.str_]
    logits: Floats

    @property
    def said(self) -> NDArray[np.int64]:
        """The most probable label of each film."""
        return np.asarray(self.logits.argmax(axis=1), np.int64)

    def of_same_films(self, other: Self) -> bool:
        """Whether both are about the same films, in the same order."""
        return (
            self.labels == other.labels
            and np.array_equal(self.truth, other.truth)
            and np.array_equal(self.patients, other.patients)
        )

    def save(self, folder: Path) -> None:
        """Write them into a run's folder, whole or not at all."""
        side = folder / f".{FILE}.part.npz"
        np.savez_compressed(
            side,
            allow_pickle=False,
            labels=np.array(self.labels, np.str_),
            truth=self.truth,
            patients=self.patients,
            logits=self.logits,
        )
        os.replace(side, folder / FILE)

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """Read the answers of a run; None where it has not ended."""
        path = folder / FILE
        if not path.is_file():
            return None
        with np.load(path, allow_pickle=False) as kept:
            labels = tuple(kept["labels"].tolist())
            return cls(labels, kept["truth"], kept["patients"], kept["logits"])
