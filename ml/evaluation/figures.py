"""The figures of an evaluation, each with its standard error and 95 % interval."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.datasets import LabelledFilm
from ml.datasets.people import AGE_GROUPS
from ml.evaluation.answers import Answers
from ml.evaluation.bootstrap import RESAMPLES
from ml.evaluation.intervals import with_intervals
from ml.evaluation.metrics import confusion
from ml.evaluation.statistics import statistics

FEWEST = 10
"""A subgroup of fewer films tells nothing; only its size is reported."""


def compute_figures(
    answers: Answers,
    labels: Sequence[str],
    films: Sequence[LabelledFilm] = (),
    resamples: int = RESAMPLES,
) -> dict[str, Any]:
    """Compute all figures; `ml.evaluation.statistics` says what each means.

    Beside each figure `NAME` stand `NAME_se`, its standard error, and `NAME_ci95`, both by
    resampling patients. A figure that the films cannot give is left out.

    Args:
        answers: What the bundle said.
        labels: Its label set.
        films: The same films, which tell the subgroups; none where empty.
        resamples: Of the bootstrap.
    """
    figures = numeric_figures(answers, labels, resamples)
    known = answers.take(answers.truth >= 0)
    counts = confusion(known.truth, known.said, len(labels))
    figures.setdefault("labels", {})["confusion"] = {
        "order": list(labels),
        "rows_true": counts.tolist(),
    }
    for label, own in zip(labels, counts, strict=True):
        by_label = figures.setdefault("by_label", {})
        by_label[label] = {"films": int(own.sum())} | by_label.get(label, {})
    lungs = figures["lungs"]
    lungs["films_with_mask"] = int(np.isfinite(answers.dice).sum())
    lungs["films_by_count"] = {str(n): int((answers.lung_count == n).sum()) for n in range(3)}
    groups = _subgroups(answers, labels, films, resamples)
    return figures | ({"subgroups": groups} if groups else {})


def numeric_figures(answers: Answers, labels: Sequence[str], resamples: int) -> dict[str, Any]:
    """Compute the numeric figures of some films, with their number."""
    figures: dict[str, Any] = {
        "films": len(answers),
        "patients": len(set(answers.patient.tolist())),
        "positive_films": int(answers.sick.sum()),
    }
    return figures | with_intervals(
        answers.patient, lambda places: statistics(answers.take(places), labels), resamples
    )


def _subgroups(
    answers: Answers, labels: Sequence[str], films: Sequence[LabelledFilm], resamples: int
) -> dict[str, Any]:
    """Judge each age group and sex that the data set names, by itself."""
    groups: dict[str, Any] = {}
    for kind in ("age_group", "sex"):
        known = np.array([getattr(film, kind) or "" for film in films], dtype=np.str_)
        for name in sorted(set(known.tolist()) - {""}, key=_by_age):
            chosen: NDArray[np.bool_] = known == name
            figures = _subgroup(answers.take(chosen), labels, resamples)
            groups.setdefault(kind, {})[name] = figures
    return groups


def _subgroup(answers: Answers, labels: Sequence[str], resamples: int) -> Mapping[str, Any]:
    if len(answers) < FEWEST:
        return {"films": len(answers)}
    figures = numeric_figures(answers, labels, resamples)
    return {name: value for name, value in figures.items() if name != "by_label"}


def _by_age(name: str) -> tuple[int, str]:
    """Order age groups from the youngest, other groups by name."""
    return (AGE_GROUPS.index(name) if name in AGE_GROUPS else 0, name)
