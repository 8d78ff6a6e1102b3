"""How far a figure would move with other patients: the bootstrap, by patient.

Films of one patient resemble each other, so patients are drawn, not films, with all their films
(Efron and Tibshirani 1993, chapter 8). Intervals are percentiles.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000
Places = NDArray[np.int64]
Statistics = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Spread:
    """What resampling says of one figure.

    Attributes:
        error: Standard error.
        low: Lower end of the 95 % interval.
        high: Upper end.
    """

    error: float
    low: float
    high: float


def resample(
    patients: Sequence[str] | NDArray[Any], count: int = RESAMPLES, seed: int = 0
) -> Iterator[Places]:
    """Draw as many patients as there are, with replacement, again and again.

    Args:
        patients: (n,) the patient of each film.
        count: Number of resamples.
        seed: The same seed gives the same draws.

    Yields:
        The places of the films of the patients drawn; of a patient drawn twice, twice.
    """
    _, person, films_each = np.unique(np.asarray(patients), return_inverse=True, return_counts=True)
    films = np.argsort(person, kind="stable")
    first = np.cumsum(films_each) - films_each
    rng = np.random.default_rng(seed)
    for _ in range(count):
        drawn = rng.integers(0, len(films_each), len(films_each))
        lengths = films_each[drawn]
        # Count up within each patient drawn, from where their films begin.
        within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        yield films[np.repeat(first[drawn], lengths) + within]


def spreads(
    patients: Sequence[str] | NDArray[Any],
    statistics: Callable[[Places], Statistics],
    count: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Spread]:
    """Give standard error and 95 % interval of each figure that `statistics` computes.

    Args:
        patients: (n,) the patient of each film.
        statistics: Computes figures from the films at the places it is given.
        count: Number of resamples.
        seed: The same seed gives the same answer.

    Returns:
        By name of figure; those that more than half of the resamples cannot give are left out.
    """
    drawn: dict[str, list[float]] = {}
    for places in resample(patients, count, seed):
        for name, value in statistics(places).items():
            if np.isfinite(value):
                drawn.setdefault(name, []).append(value)
    return {name: _spread(values) for name, values in drawn.items() if 2 * len(values) > count}


def _spread(values: list[float]) -> Spread:
    low, high = np.percentile(values, (2.5, 97.5))
    return Spread(float(np.std(values, ddof=1)), float(low), float(high))
