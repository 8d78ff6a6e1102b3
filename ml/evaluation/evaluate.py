"""Evaluation of a bundle on a data set, through the same Analyzer that serves films."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.analyzer import Analyzer, Reading
from ml.datasets import LabelledFilm
from ml.evaluation.figures import Answers, compute_figures
from ml.evaluation.metrics import overlap
from ml.images import read_grey

BATCH = 16
NORMAL = "normal"
Show = Callable[[str], None]


def evaluate(
    analyzer: Analyzer, films: Sequence[LabelledFilm], show: Show = print
) -> dict[str, Any]:
    """Read films from their stored bytes and compute all figures.

    Args:
        analyzer: With the bundle to judge; its label set must be the data set's.
        films: Films with known labels.
        show: Takes lines of progress.

    Raises:
        FilmError: A film of the data set cannot be read.
        ValueError: The label set does not begin with `normal`.
    """
    labels = [label.name for label in analyzer.bundle.labels]
    if labels[0] != NORMAL:
        raise ValueError(f"the bundle's first label is '{labels[0]}', not '{NORMAL}'")
    readings = read_all(analyzer, films, show)
    return compute_figures(collect(readings, films), labels)


def read_all(analyzer: Analyzer, films: Sequence[LabelledFilm], show: Show) -> list[Reading]:
    """Read films in batches; a film that cannot be read ends the evaluation."""
    readings: list[Reading] = []
    for start in range(0, len(films), BATCH):
        chunk = films[start : start + BATCH]
        for answer in analyzer.read([film.image.read_bytes() for film in chunk]):
            if not isinstance(answer, Reading):
                raise answer
            readings.append(answer)
        show(f"read {len(readings)} of {len(films)} films")
    return readings


def collect(readings: Sequence[Reading], films: Sequence[LabelledFilm]) -> Answers:
    """Put readings and known labels side by side."""
    scores = [
        overlap(*_masks(reading, read_grey(film.mask)))
        for reading, film in zip(readings, films, strict=True)
        if film.mask
    ]
    return Answers(
        truth=np.array([film.label for film in films], dtype=np.int64),
        probability=np.array([[f.probability for f in r.findings] for r in readings]),
        normal_called=np.array([r.findings[0].positive for r in readings], dtype=np.bool_),
        dice=[dice for dice, _ in scores],
        iou=[iou for _, iou in scores],
        lung_counts=[r.lung_count for r in readings],
    )


def _masks(
    reading: Reading, human: NDArray[np.uint8]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    height, width = human.shape
    return reading.mask_at(width, height) > 0, human > 127
