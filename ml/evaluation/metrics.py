"""Figures of merit from labels and probabilities; plain numpy."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Labels = NDArray[np.integer[Any]]
Flags = NDArray[np.bool_]


def auc(positive: Flags, score: Floats) -> float:
    """Area under the ROC curve: the chance that a positive scores above a negative, ties half.

    Args:
        positive: (n,) truth.
        score: (n,) larger means more likely positive.

    Returns:
        0..1, or NaN where one of the two kinds is missing.
    """
    p = int(np.sum(positive))
    n = len(positive) - p
    if p == 0 or n == 0:
        return float("nan")
    return float((np.sum(ranks(score)[positive]) - p * (p + 1) / 2) / (p * n))


def ranks(values: Floats) -> Floats:
    """Rank values from 1, equal ones at the mean of their ranks."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    shared: Floats = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return shared


def spearman(a: Floats, b: Floats) -> float:
    """Rank correlation, -1..1; NaN where one of the two is constant or there is nothing."""
    x, y = (ranks(values) - (len(values) + 1) / 2 for values in (a, b))
    spread = np.sqrt(np.sum(x * x) * np.sum(y * y))
    return float(np.sum(x * y) / spread) if spread > 0 else float("nan")


def confusion(truth: Labels, predicted: Labels, labels: int) -> NDArray[np.int64]:
    """Count films by (true label, predicted label)."""
    counts = np.zeros((labels, labels), dtype=np.int64)
    np.add.at(counts, (truth, predicted), 1)
    return counts


def macro_f1(counts: NDArray[np.int64]) -> float:
    """Mean over labels of the F1 score, from a confusion matrix; a label never met scores 0."""
    hits = np.diag(counts)
    return float(np.mean(2 * hits / np.maximum(1, counts.sum(axis=0) + counts.sum(axis=1))))


def calibration_error(truth: Labels, probability: Floats, bins: int = 15) -> float:
    """Expected calibration error of the top label (Guo et al., ICML 2017), equal-width bins.

    Args:
        truth: (n,) label indices.
        probability: (n, labels), rows sum to 1.
        bins: Number of bins of confidence.
    """
    right = probability.argmax(axis=1) == truth
    return binary_calibration_error(right, probability.max(axis=1), bins)


def binary_calibration_error(happened: Flags, probability: Floats, bins: int = 15) -> float:
    """Expected calibration error of one event's probability, equal-width bins.

    Args:
        happened: (n,) whether it did.
        probability: (n,) said before, 0..1.
        bins: Number of bins of probability.
    """
    place = probability_bins(probability, bins)
    gaps = np.bincount(place, weights=happened - probability, minlength=bins)
    return float(np.sum(np.abs(gaps))) / len(happened)


def probability_bins(probability: Floats, bins: int) -> Labels:
    """Give the equal-width bin that each probability (0..1) falls into, 0..bins - 1."""
    places: Labels = np.minimum((probability * bins).astype(np.int64), bins - 1)
    return places


def sensitivity_specificity(positive: Flags, called: Flags) -> tuple[float, float]:
    """Share of positives that were called, share of negatives that were not; 0 of none is 0."""
    return (
        float(np.sum(positive & called)) / max(1, int(np.sum(positive))),
        float(np.sum(~positive & ~called)) / max(1, int(np.sum(~positive))),
    )


def overlap(a: Flags, b: Flags) -> tuple[float, float]:
    """Dice coefficient and intersection over union of two masks; both 1 when both are empty."""
    both, total = int(np.sum(a & b)), int(np.sum(a)) + int(np.sum(b))
    if total == 0:
        return 1.0, 1.0
    return 2 * both / total, both / (total - both)
