"""Answers of a bundle that never ran."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ml.evaluation.answers import Answers

LABELS = ("normal", "bacterial_pneumonia", "viral_pneumonia")


def answers(truth: Sequence[int], probability: Sequence[Sequence[float]], **others: Any) -> Answers:
    """Answers of films of as many patients, with two lungs, without masks and gate.

    Args:
        truth: Label indices.
        probability: Of each label, for each film.
        others: Attributes of `Answers` to differ in.
    """
    n = len(truth)
    said = np.array(probability, dtype=np.float64)
    unknown = np.full(n, np.nan)
    columns: dict[str, Any] = {
        "truth": np.array(truth, dtype=np.int64),
        "probability": said,
        "called": said >= 0.5,
        "patient": np.array([f"p{place}" for place in range(n)]),
        "dice": unknown,
        "iou": unknown,
        "lung_count": np.full(n, 2),
        "area_share": np.full(n, 0.3),
        "human_share": unknown,
        "in_distribution": unknown,
    }
    columns |= {"human_share": others.get("dice", unknown), "iou": others.get("dice", unknown)}
    return Answers(**{name: np.asarray(value) for name, value in (columns | others).items()})


def random_answers(n: int = 60, seed: int = 0, **others: Any) -> Answers:
    """Answers that are right more often than not, two films a patient."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, n)
    alpha = np.eye(3)[truth] * 2 + 1
    probability = np.stack([rng.dirichlet(row) for row in alpha])
    patient = np.array([f"p{place // 2}" for place in range(n)])
    return answers(truth, probability, **({"patient": patient} | others))
