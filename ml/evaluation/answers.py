"""What a bundle said about films whose labels are known, side by side."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ml.analyzer import Reading
from ml.datasets import LabelledFilm
from ml.evaluation.metrics import Flags, Floats, Labels, overlap
from ml.images import read_grey


@dataclass(frozen=True, slots=True)
class Answers:
    """Answers and truth of n films; label 0 is `normal`.

    Attributes:
        truth: (n,) label indices; `ml.datasets.PNEUMONIA` where the kind is not known.
        probability: (n, labels), calibrated.
        called: (n, labels), the finding is positive at its operating threshold.
        patient: (n,) whose film it is.
        dice: (n,) Dice coefficient of the lung mask; NaN where there is no human-made mask.
        iou: (n,) intersection over union of the same.
        lung_count: (n,) lungs found.
        area_share: (n,) lung pixels as a share of the film.
        human_share: (n,) the same of the human-made mask; NaN where there is none.
        in_distribution: (n,) 1 or 0 as the bundle's gate says; NaN where it has none.
    """

    truth: Labels
    probability: Floats
    called: Flags
    patient: NDArray[np.str_]
    dice: Floats
    iou: Floats
    lung_count: Labels
    area_share: Floats
    human_share: Floats
    in_distribution: Floats

    def __len__(self) -> int:
        return len(self.truth)

    def take(self, places: NDArray[Any]) -> Self:
        """Give the answers at places (indices, or flags of length n)."""
        return type(self)(*(getattr(self, field.name)[places] for field in fields(self)))

    @property
    def sick(self) -> Flags:
        """(n,) the film is known to show any pneumonia."""
        return np.asarray(self.truth != 0)

    @property
    def sick_called(self) -> Flags:
        """(n,) any pneumonia was called: the finding `normal` is not positive."""
        return ~self.called[:, 0]

    @property
    def sick_probability(self) -> Floats:
        """(n,) probability of any pneumonia."""
        return np.asarray(1.0 - self.probability[:, 0])

    @property
    def said(self) -> Labels:
        """(n,) the most probable label."""
        return np.asarray(self.probability.argmax(axis=1))


def collect(pairs: Iterable[tuple[LabelledFilm, Reading]]) -> Answers:
    """Keep of each reading what figures are computed from.

    Raises:
        ValueError: There is no film, or a human-made mask cannot be read.
    """
    rows = [_row(film, reading) for film, reading in pairs]
    if not rows:
        raise ValueError("there is no film to judge")
    return Answers(*(np.array(column) for column in zip(*rows, strict=True)))


def _row(film: LabelledFilm, reading: Reading) -> tuple[Any, ...]:
    gate = reading.in_distribution
    dice, iou, human = _against_human(film, reading)
    return (
        film.label,
        [finding.probability for finding in reading.findings],
        [finding.positive for finding in reading.findings],
        film.patient,
        dice,
        iou,
        reading.lung_count,
        reading.lung_area_share,
        human,
        float("nan") if gate is None else float(gate),
    )


def _against_human(film: LabelledFilm, reading: Reading) -> tuple[float, float, float]:
    if film.mask is None:
        return (float("nan"),) * 3
    human = read_grey(film.mask) > 127
    height, width = human.shape
    return (*overlap(reading.mask_at(width, height) > 0, human), float(human.mean()))
