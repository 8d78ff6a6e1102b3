"""Figures with standard error and 95 % interval beside them, nested by the dots in their names."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.evaluation.bootstrap import RESAMPLES, Places, Statistics, spreads

DIGITS = 4


def with_intervals(
    patients: NDArray[Any],
    statistics: Callable[[Places], Statistics],
    resamples: int = RESAMPLES,
) -> dict[str, Any]:
    """Compute figures of all films, and how far they would move with other patients.

    Args:
        patients: (n,) the patient of each film.
        statistics: Computes figures, by dotted name, from the films at the places it is given.
        resamples: Of the bootstrap by patient.

    Returns:
        `NAME` with `NAME_se` and `NAME_ci95` after it; figures that are not finite are left out.
    """
    spread = spreads(patients, statistics, resamples)
    figures: dict[str, Any] = {}
    for name, value in statistics(np.arange(len(patients))).items():
        if not np.isfinite(value):
            continue
        _put(figures, name, round_figure(value))
        if name in spread:
            _put(figures, f"{name}_se", round_figure(spread[name].error))
            ends = [round_figure(end) for end in (spread[name].low, spread[name].high)]
            _put(figures, f"{name}_ci95", ends)
    return figures


def round_figure(value: float) -> float:
    """Round to what is reported."""
    return round(float(value), DIGITS)


def _put(figures: dict[str, Any], name: str, value: Any) -> None:
    *path, last = name.split(".")
    for step in path:
        figures = figures.setdefault(step, {})
    figures[last] = value
