"""Does serving agree with training: the same films at native aspect and squashed to a square."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ml.analyzer import Analyzer
from ml.datasets import LabelledFilm, read_manifest
from ml.evaluation.bootstrap import Places
from ml.evaluation.evaluate import label_set
from ml.evaluation.heldout import held_out
from ml.evaluation.intervals import with_intervals
from ml.evaluation.metrics import Floats
from ml.evaluation.probabilities import pneumonia_difference, probabilities, same_top, stored

Show = Callable[[str], None]
Pair = tuple[LabelledFilm, LabelledFilm]


def agreement(analyzer: Analyzer, native: Path, twins: Path, show: Show = print) -> dict[str, Any]:
    """Read films of a train part and their twins, and compare what is said of them.

    Args:
        analyzer: With the bundle, which was trained on the twins' train part.
        native: Data set of the films at their own aspect.
        twins: Data set that holds the same films under the same names, squashed.
        show: Takes lines of progress.

    Returns:
        `validation`: films of patients that the bundle's training held out; `all`: all films,
        most of which it was trained on. Each with `films`, `top1_agreement` and
        `pneumonia_difference` (mean absolute difference of P(any pneumonia)).

    Raises:
        ValueError: A data set cannot be read, no film has a twin, or the bundle does not say
            which films it held out.
    """
    label_set(analyzer)
    away = {film.patient for film in held_out(analyzer.bundle, twins).films}
    pairs = pair_up(native, twins)
    show(f"{len(pairs)} films have a twin")
    one = probabilities(analyzer, stored(film.image for film, _ in pairs), show)
    other = probabilities(analyzer, stored(twin.image for _, twin in pairs), show)
    patients = np.array([twin.patient for _, twin in pairs])
    unseen = np.isin(patients, sorted(away))
    return {
        "validation": compare(patients[unseen], one[unseen], other[unseen]),
        "all": compare(patients, one, other),
    }


def pair_up(native: Path, twins: Path) -> list[Pair]:
    """Find the films of two data sets' train parts that have the same name within them.

    Raises:
        ValueError: A data set cannot be read, or no film is in both.
    """
    by_name = {_name(film, twins): film for film in read_manifest(twins, "train")}
    films = read_manifest(native, "train")
    pairs = [(film, by_name[name]) for film in films if (name := _name(film, native)) in by_name]
    if not pairs:
        raise ValueError(f"no film of {native} has a twin of the same name in {twins}")
    return pairs


def compare(patients: Sequence[Any] | Any, one: Floats, other: Floats) -> dict[str, Any]:
    """Compare probabilities (n, labels) of the same films; only their number where n is 0."""
    if not len(patients):
        return {"films": 0}
    same, difference = same_top(one, other), pneumonia_difference(one, other)

    def statistics(places: Places) -> dict[str, float]:
        return {
            "top1_agreement": float(np.mean(same[places])),
            "pneumonia_difference": float(np.mean(difference[places])),
        }

    return {"films": len(patients)} | with_intervals(np.asarray(patients), statistics)


def _name(film: LabelledFilm, folder: Path) -> str:
    return film.image.relative_to(folder).as_posix()
