"""Figures of a comparison: each cell over its seeds, and against the best cell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ml.comparison.answers import Answers
from ml.comparison.plan import Cell
from ml.evaluation.bootstrap import RESAMPLES, resample
from ml.evaluation.metrics import auc, confusion, macro_f1

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Against:
    """A cell against the best one.

    Attributes:
        difference: In macro F1, mean over seeds; negative where the cell is worse.
        interval: 95 % interval of it over resampled patients.
        p: Two-sided, by the same resamples; never below 2 / their number.
    """

    difference: float
    interval: Interval
    p: float


@dataclass(frozen=True, slots=True)
class Score:
    """A cell's figures.

    Attributes:
        cell: The cell.
        seeds: Runs that have ended.
        macro_f1: Mean over seeds.
        interval: 95 % interval of the mean over seeds, by Student's t, cut to 0..1; None with one
            seed.
        auc: Mean over seeds of the mean AUC of each label against all others.
        against: The best cell; None for the best itself.
    """

    cell: Cell
    seeds: int
    macro_f1: float
    interval: Interval | None
    auc: float
    against: Against | None


def score(answers: Mapping[Cell, Sequence[Answers]], resamples: int = RESAMPLES) -> list[Score]:
    """Score all cells that have ended runs, in their order.

    The best is the cell with the largest mean macro F1. Differences are paired: the same patients
    are drawn for both cells, with all their films, and all seeds judge the same draw.

    Raises:
        ValueError: The runs did not answer for the same films, or there is none.
    """
    ended = {cell: runs for cell, runs in answers.items() if runs}
    if not ended:
        raise ValueError("no run has ended yet")
    first = next(iter(ended.values()))[0]
    for cell, runs in ended.items():
        if not all(run.of_same_films(first) for run in runs):
            raise ValueError(
                f"the runs of {cell.backbone} on {cell.recipe} were scored on other validation "
                "films than the first; prepare all recipes together and name another --out"
            )
    means = {cell: float(np.mean([_f1(run) for run in runs])) for cell, runs in ended.items()}
    best = max(means, key=lambda cell: means[cell])
    drawn = _resampled(ended, first, resamples)
    return [
        Score(
            cell=cell,
            seeds=len(runs),
            macro_f1=means[cell],
            interval=_within_range(seed_interval([_f1(run) for run in runs])),
            auc=float(np.mean([_auc(run) for run in runs])),
            against=None
            if cell == best
            else _against(means[cell] - means[best], drawn[cell] - drawn[best]),
        )
        for cell, runs in ended.items()
    ]


def seed_interval(values: Sequence[float]) -> Interval | None:
    """Give the 95 % interval of a mean by Student's t; None for a single value."""
    if len(values) < 2:
        return None
    half = float(stats.t.ppf(0.975, len(values) - 1) * stats.sem(values))
    return float(np.mean(values)) - half, float(np.mean(values)) + half


def _within_range(interval: Interval | None) -> Interval | None:
    return None if interval is None else (max(0.0, interval[0]), min(1.0, interval[1]))


def _against(difference: float, drawn: NDArray[np.float64]) -> Against:
    low, high = np.percentile(drawn, (2.5, 97.5))
    tail = min(float(np.mean(drawn >= 0)), float(np.mean(drawn <= 0)))
    p = min(1.0, max(2 * tail, 2 / len(drawn)))
    return Against(difference, (float(low), float(high)), p)


def _resampled(
    ended: Mapping[Cell, Sequence[Answers]], films: Answers, resamples: int
) -> dict[Cell, NDArray[np.float64]]:
    """Give each cell's mean macro F1 in each resample of patients."""
    values: dict[Cell, list[float]] = {cell: [] for cell in ended}
    for places in resample(films.patients, resamples):
        for cell, runs in ended.items():
            values[cell].append(float(np.mean([_f1(run, places) for run in runs])))
    return {cell: np.array(value) for cell, value in values.items()}


def _f1(run: Answers, places: NDArray[np.int64] | slice = slice(None)) -> float:
    return macro_f1(confusion(run.truth[places], run.said[places], len(run.labels)))


def _auc(run: Answers) -> float:
    logits = run.logits - run.logits.max(axis=1, keepdims=True)
    odds = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return float(
        np.mean([auc(run.truth == place, odds[:, place]) for place in range(len(run.labels))])
    )
