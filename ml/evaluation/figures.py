"""The figures of an evaluation, from labels, probabilities and masks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.evaluation.metrics import (
    Floats,
    Labels,
    auc,
    calibration_error,
    confusion,
    macro_f1,
    sensitivity_specificity,
)

DIGITS = 4


@dataclass(frozen=True, slots=True)
class Answers:
    """What a bundle said about films whose labels are known; label 0 is `normal`.

    Attributes:
        truth: (n,) label indices.
        probability: (n, labels), calibrated.
        normal_called: (n,) True where the finding `normal` is positive.
        dice: Dice coefficient of each film that has a human-made mask.
        iou: Intersection over union of the same.
        lung_counts: (n,) lungs found.
    """

    truth: Labels
    probability: Floats
    normal_called: NDArray[np.bool_]
    dice: Sequence[float]
    iou: Sequence[float]
    lung_counts: Sequence[int]


def compute_figures(answers: Answers, labels: Sequence[str]) -> dict[str, Any]:
    """Compute all figures; `metrics` says what each means.

    Any pneumonia is judged at the manifest's default threshold, the labels by the largest
    probability.
    """
    truth, probability = answers.truth, answers.probability
    counts = confusion(truth, probability.argmax(axis=1), len(labels))
    figures = {
        "films": len(truth),
        "any_pneumonia": _any_pneumonia(answers),
        "bacterial_against_viral": _bacterial_against_viral(truth, probability),
        "labels": {
            "accuracy": _round(np.trace(counts) / len(truth)),
            "macro_f1": _round(macro_f1(counts)),
            "calibration_error": _round(calibration_error(truth, probability)),
            "confusion": {"order": list(labels), "rows_true": counts.tolist()},
        },
        "lungs": _lungs(answers),
    }
    return figures


def _any_pneumonia(answers: Answers) -> dict[str, float]:
    positive = answers.truth > 0
    called = ~answers.normal_called
    sensitivity, specificity = sensitivity_specificity(positive, called)
    return {
        "auc": _round(auc(positive, 1.0 - answers.probability[:, 0])),
        "accuracy": _round(np.mean(positive == called)),
        "sensitivity": _round(sensitivity),
        "specificity": _round(specificity),
    }


def _bacterial_against_viral(truth: Labels, probability: Floats) -> dict[str, float]:
    """Judge pneumonia films alone, by which of the two is the more probable."""
    sick = truth > 0
    lean = probability[sick, 1] - probability[sick, 2]
    bacterial = truth[sick] == 1
    return {
        "auc": _round(auc(bacterial, lean)),
        "accuracy": _round(np.mean((lean > 0) == bacterial)),
    }


def _lungs(answers: Answers) -> dict[str, float]:
    figures: dict[str, float] = {
        "two_lungs_share": _round(np.mean(np.asarray(answers.lung_counts) == 2)),
        "films_with_mask": len(answers.dice),
    }
    if answers.dice:
        for name, values in (("dice", answers.dice), ("iou", answers.iou)):
            figures[f"{name}_mean"] = _round(np.mean(values))
            figures[f"{name}_p5"] = _round(np.percentile(values, 5))
    return figures


def _round(value: Any) -> float:
    return round(float(value), DIGITS)
