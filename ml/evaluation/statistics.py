"""Every numeric figure of some films, by a dotted name; what the bootstrap computes again.

- `any_pneumonia`: any pneumonia against normal, at the manifest's `default` operating point (a
  film is called when the finding `normal` is not positive); `any_finding` where the label set has
  others than pneumonia; neither where its first label is not `normal`.
- `bacterial_against_viral`: films of either, by which of the two is the more probable.
- `labels`: all labels, by the most probable one.
- `by_label.NAME`: that label against all others; `sensitivity` and `specificity` at its operating
  threshold, `recall`, `precision` and `f1` by the most probable label.
- `lungs`: masks against human-made ones, and what was found.
- `gate`: what the bundle's out-of-distribution gate let in, where it has one.

`auc` is the area under the ROC curve, `average_precision` that under the precision-recall curve,
`calibration_error` the expected calibration error over 15 bins of equal width.
"""

from collections.abc import Sequence

import numpy as np

from ml.evaluation.answers import Answers
from ml.evaluation.curves import average_precision
from ml.evaluation.metrics import (
    Flags,
    auc,
    binary_calibration_error,
    calibration_error,
    confusion,
    macro_f1,
    sensitivity_specificity,
)

BACTERIAL, VIRAL = "bacterial_pneumonia", "viral_pneumonia"
NORMAL = "normal"
ANY_PNEUMONIA, ANY_FINDING = "any_pneumonia", "any_finding"
NOT_KNOWN = float("nan")


def statistics(answers: Answers, labels: Sequence[str]) -> dict[str, float]:
    """Compute every figure that these films can give; NaN or missing where they cannot.

    Args:
        answers: At least one film's.
        labels: The label set.
    """
    known = answers.take(answers.truth >= 0)
    main = main_question(labels)
    figures = _prefixed(main, _against_normal(answers)) if main else {}
    if BACTERIAL in labels and VIRAL in labels:
        pair = labels.index(BACTERIAL), labels.index(VIRAL)
        figures |= _prefixed("bacterial_against_viral", _one_or_other(known, *pair))
    if len(known):
        figures |= _labels(known, labels)
    figures |= _prefixed("lungs", _lungs(answers))
    if np.isfinite(answers.in_distribution).any():
        figures["gate.in_distribution_share"] = float(np.nanmean(answers.in_distribution))
    return figures


def main_question(labels: Sequence[str]) -> str:
    """Name the group of figures about films that are not normal; empty for no such question."""
    if labels[0] != NORMAL:
        return ""
    return ANY_PNEUMONIA if all(map(_is_pneumonia, labels[1:])) else ANY_FINDING


def _is_pneumonia(label: str) -> bool:
    return label.endswith("pneumonia")


def _prefixed(group: str, figures: dict[str, float]) -> dict[str, float]:
    return {f"{group}.{name}": value for name, value in figures.items()}


def _against_normal(answers: Answers) -> dict[str, float]:
    sick, score, called = answers.sick, answers.sick_probability, answers.sick_called
    return {
        "auc": auc(sick, score),
        "average_precision": average_precision(sick, score),
        "accuracy": float(np.mean(sick == called)),
        **_pair(sick, called),
        "calibration_error": binary_calibration_error(sick, score),
    }


def _pair(positive: Flags, called: Flags) -> dict[str, float]:
    """Give sensitivity and specificity; NaN where there is no film to tell."""
    sensitivity, specificity = sensitivity_specificity(positive, called)
    return {
        "sensitivity": sensitivity if positive.any() else NOT_KNOWN,
        "specificity": specificity if not positive.all() else NOT_KNOWN,
    }


def _one_or_other(known: Answers, one: int, other: int) -> dict[str, float]:
    either = known.take((known.truth == one) | (known.truth == other))
    if not len(either):
        return {}
    is_one, lean = either.truth == one, either.probability[:, one] - either.probability[:, other]
    return {
        "auc": auc(is_one, lean),
        "average_precision": average_precision(is_one, lean),
        "accuracy": float(np.mean((lean > 0) == is_one)),
        **_pair(is_one, lean > 0),
    }


def _labels(known: Answers, labels: Sequence[str]) -> dict[str, float]:
    counts = confusion(known.truth, known.said, len(labels))
    figures = {
        "labels.accuracy": float(np.trace(counts) / len(known)),
        "labels.macro_f1": macro_f1(counts),
        "labels.calibration_error": calibration_error(known.truth, known.probability),
    }
    for index, label in enumerate(labels):
        figures |= _prefixed(f"by_label.{label}", _label(known, index))
    return figures


def _label(known: Answers, index: int) -> dict[str, float]:
    positive, score = known.truth == index, known.probability[:, index]
    said = known.said == index
    hits, named, there = (int(np.sum(x)) for x in (positive & said, said, positive))
    return {
        "auc": auc(positive, score),
        "average_precision": average_precision(positive, score),
        **_pair(positive, known.called[:, index]),
        "recall": hits / there if there else NOT_KNOWN,
        "precision": hits / named if named else NOT_KNOWN,
        "f1": 2 * hits / (named + there) if there else NOT_KNOWN,
        "calibration_error": binary_calibration_error(positive, score),
    }


def _lungs(answers: Answers) -> dict[str, float]:
    figures = {
        "two_lungs_share": float(np.mean(answers.lung_count == 2)),
        "area_share_mean": float(np.mean(answers.area_share)),
    }
    masked = answers.take(np.isfinite(answers.dice))
    if not len(masked):
        return figures
    return figures | {
        "human_area_share_mean": float(np.mean(masked.human_share)),
        "dice_mean": float(np.mean(masked.dice)),
        "dice_p5": float(np.percentile(masked.dice, 5)),
        "iou_mean": float(np.mean(masked.iou)),
        "iou_p5": float(np.percentile(masked.iou, 5)),
    }
