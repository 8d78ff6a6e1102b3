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
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return float((np.sum(ranks[positive]) - p * (p + 1) / 2) / (p * n))


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
    confidence = probability.max(axis=1)
    right = probability.argmax(axis=1) == truth
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        abs(float(np.sum(right[place == b])) - float(np.sum(confidence[place == b])))
        for b in range(bins)
    ]
    return sum(gaps) / len(truth)


def sensitivity_specificity(positive: Flags, called: Flags) -> tuple[float, float]:
    """Share of positives that were called, share of negatives that were not."""
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
