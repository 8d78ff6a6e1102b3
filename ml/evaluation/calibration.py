"""Temperature and operating thresholds, from validation films."""

import numpy as np
from numpy.typing import NDArray

from ml.analyzer import softmax
from ml.evaluation.metrics import Flags, Floats, Labels

TEMPERATURES = np.geomspace(0.25, 4.0, 401)
# What the default threshold asks for on perturbed validation: few children with pneumonia missed.
SENSITIVITY = 0.95


def fit_temperature(truth: Labels, logits: NDArray[np.float32]) -> float:
    """Give the temperature of the least log loss (Guo et al., ICML 2017), 0.25 to 4.

    Args:
        truth: (n,) label indices.
        logits: (n, labels).
    """
    rows = np.arange(len(truth))
    losses = [
        -np.log(np.maximum(softmax(logits / t)[rows, truth], 1e-12)).mean() for t in TEMPERATURES
    ]
    return round(float(TEMPERATURES[int(np.argmin(losses))]), 4)


def question_temperatures(truth: Labels, logits: NDArray[np.float32]) -> dict[str, float]:
    """Give the temperature that each question of the bundle would have by itself.

    Where the two lie on either side of 1, one temperature for all labels is a compromise: one
    answer is too sure and the other too modest.

    Args:
        truth: (n,) label indices; label 0 is `normal`.
        logits: (n, labels).
    """
    sick = truth > 0
    any_pneumonia = np.logaddexp.reduce(logits[:, 1:], axis=1)
    pair = np.stack([logits[:, 0], any_pneumonia], axis=1)
    return {
        "any pneumonia": fit_temperature(sick.astype(np.int64), pair),
        "which pneumonia": fit_temperature(truth[sick] - 1, logits[sick, 1:]),
    }


def threshold_for_sensitivity(positive: Flags, score: Floats, wanted: float) -> float:
    """Give the highest threshold (score >= it is positive) that reaches a sensitivity."""
    scores = np.sort(score[positive])
    missed = int(np.floor((1.0 - wanted) * len(scores) + 1e-9))
    return float(scores[missed])


def youden_threshold(positive: Flags, score: Floats) -> float:
    """Give the threshold with the largest sensitivity + specificity."""
    order = np.argsort(score)[::-1]
    hits = np.cumsum(positive[order]) / max(1, int(positive.sum()))
    alarms = np.cumsum(~positive[order]) / max(1, int((~positive).sum()))
    last = np.append(np.diff(score[order]) != 0, True)
    return float(score[order][np.argmax(np.where(last, hits - alarms, -np.inf))])


def operating_thresholds(truth: Labels, probability: Floats) -> tuple[float, ...]:
    """Choose a threshold for each label; label 0 is `normal`.

    `normal` gets the complement of the default threshold for any pneumonia, so that a film is
    positive for `normal` exactly when it is negative for any pneumonia; the others get the one
    with the largest Youden index, each against all other labels.

    Args:
        truth: (n,) label indices.
        probability: (n, labels), calibrated.
    """
    any_pneumonia = threshold_for_sensitivity(truth > 0, 1.0 - probability[:, 0], SENSITIVITY)
    others = (
        youden_threshold(truth == label, probability[:, label])
        for label in range(1, probability.shape[1])
    )
    # Rounded up: a film whose P(normal) is just at the complement stays a pneumonia.
    normal = np.ceil((1.0 - any_pneumonia) * 1e4) / 1e4
    return (float(normal), *(round(t, 4) for t in others))
