"""Points of ROC, precision-recall and reliability curves."""

from dataclasses import dataclass

import numpy as np

from ml.evaluation.metrics import Flags, Floats, Labels, probability_bins

BINS = 15


@dataclass(frozen=True, slots=True)
class Reliability:
    """How often what was said with a probability came true, in bins that hold any film.

    Attributes:
        said: (bins,) mean probability, 0..1.
        true: (bins,) share that came true, 0..1.
        films: (bins,) number of films.
    """

    said: Floats
    true: Floats
    films: Labels


def _steps(positive: Flags, score: Floats) -> tuple[Floats, Floats]:
    """Count hits and alarms at each distinct threshold, from the highest."""
    order = np.argsort(score, kind="stable")[::-1]
    last = np.append(np.diff(score[order]) != 0, True)
    hits, alarms = np.cumsum(positive[order])[last], np.cumsum(~positive[order])[last]
    return hits.astype(np.float64), alarms.astype(np.float64)


def roc_curve(positive: Flags, score: Floats) -> tuple[Floats, Floats]:
    """Give 1 - specificity and sensitivity at all thresholds, from (0, 0) to (1, 1).

    Args:
        positive: (n,) truth, both kinds present.
        score: (n,) larger means more likely positive.
    """
    hits, alarms = _steps(positive, score)
    return np.append(0.0, alarms / alarms[-1]), np.append(0.0, hits / hits[-1])


def precision_recall_curve(positive: Flags, score: Floats) -> tuple[Floats, Floats]:
    """Give recall and precision at all thresholds, from the highest.

    Args:
        positive: (n,) truth, at least one positive.
        score: (n,) larger means more likely positive.
    """
    hits, alarms = _steps(positive, score)
    return hits / hits[-1], hits / (hits + alarms)


def average_precision(positive: Flags, score: Floats) -> float:
    """Area under the precision-recall steps; NaN where nothing is positive."""
    if not positive.any():
        return float("nan")
    recall, precision = precision_recall_curve(positive, score)
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def reliability(happened: Flags, probability: Floats, bins: int = BINS) -> Reliability:
    """Compare probabilities with what came true, in bins of equal width.

    Args:
        happened: (n,) whether it did.
        probability: (n,) said before, 0..1.
        bins: Number of bins.
    """
    place = probability_bins(probability, bins)
    films = np.bincount(place, minlength=bins)
    held = films > 0
    said, true = (
        np.bincount(place, weights=values, minlength=bins)[held] / films[held]
        for values in (probability, happened.astype(np.float64))
    )
    return Reliability(said, true, films[held])
