import math

import numpy as np
import pytest

from ml.evaluation.calibration import (
    fit_temperature,
    operating_thresholds,
    threshold_for_sensitivity,
    youden_threshold,
)
from ml.evaluation.figures import Answers, compute_figures
from ml.evaluation.metrics import (
    auc,
    calibration_error,
    confusion,
    macro_f1,
    overlap,
    sensitivity_specificity,
)


def test_auc_counts_pairs_and_halves_ties() -> None:
    # Pairs (positive, negative): 0.8 beats both, 0.4 beats 0.1 and ties with 0.4.
    positive = np.array([True, True, False, False])
    assert auc(positive, np.array([0.8, 0.4, 0.4, 0.1])) == (2 + 1 + 0.5) / 4
    assert math.isnan(auc(np.array([True, True]), np.array([0.1, 0.2])))


def test_confusion_and_macro_f1_by_hand() -> None:
    counts = confusion(np.array([0, 0, 1, 1, 2]), np.array([0, 1, 1, 1, 0]), 3)
    assert counts.tolist() == [[1, 1, 0], [0, 2, 0], [1, 0, 0]]
    # F1: 2*1/(2+2), 2*2/(2+3), 0
    assert macro_f1(counts) == pytest.approx((0.5 + 0.8 + 0.0) / 3)


def test_calibration_error_by_hand() -> None:
    # Two films at confidence 0.9, one right: gap 0.4; two at 0.6, both right: gap 0.4.
    probability = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]])
    assert calibration_error(np.array([0, 1, 0, 0]), probability) == pytest.approx(0.4)
    assert calibration_error(np.array([0, 0]), np.array([[1.0, 0.0], [1.0, 0.0]])) == 0.0


def test_sensitivity_and_specificity_by_hand() -> None:
    positive = np.array([True, True, True, False, False])
    called = np.array([True, True, False, False, True])
    assert sensitivity_specificity(positive, called) == (2 / 3, 1 / 2)


def test_overlap_by_hand() -> None:
    a = np.array([[True, True, False, False]])
    b = np.array([[False, True, True, False]])
    assert overlap(a, b) == (2 * 1 / 4, 1 / 3)
    assert overlap(a & ~a, b & ~b) == (1.0, 1.0)


def test_temperature_finds_how_overconfident_logits_are() -> None:
    rng = np.random.default_rng(0)
    honest = rng.normal(0, 2, (4000, 3))
    shares = np.exp(honest) / np.exp(honest).sum(axis=1, keepdims=True)
    truth = np.array([rng.choice(3, p=row) for row in shares])
    fitted = fit_temperature(truth, (honest * 2.0).astype(np.float32))
    assert fitted == pytest.approx(2.0, rel=0.06)


def test_threshold_reaches_the_sensitivity_and_no_more() -> None:
    score = np.linspace(0.01, 1.0, 100)
    positive = np.ones(100, dtype=np.bool_)
    threshold = threshold_for_sensitivity(positive, score, 0.95)
    assert np.sum(score >= threshold) == 95


def test_youden_threshold_divides_what_can_be_divided() -> None:
    positive = np.array([False, False, True, True])
    assert youden_threshold(positive, np.array([0.1, 0.3, 0.6, 0.9])) == 0.6


def test_normal_is_positive_exactly_when_no_pneumonia_is_called() -> None:
    rng = np.random.default_rng(1)
    probability = rng.dirichlet((1, 1, 1), 400)
    truth = np.array([rng.choice(3, p=row) for row in probability])
    normal, *others = operating_thresholds(truth, probability)
    called = probability[:, 0] < normal
    sensitivity, _ = sensitivity_specificity(truth > 0, called)
    assert 0.95 <= sensitivity < 0.97
    assert all(0.0 < threshold < 1.0 for threshold in others)


def test_figures_from_answers() -> None:
    answers = Answers(
        truth=np.array([0, 0, 1, 2]),
        probability=np.array([[0.8, 0.1, 0.1], [0.3, 0.4, 0.3], [0.1, 0.8, 0.1], [0.1, 0.6, 0.3]]),
        normal_called=np.array([True, True, False, False]),
        dice=[0.9, 0.95],
        iou=[0.8, 0.9],
        lung_counts=[2, 2, 2, 1],
    )
    figures = compute_figures(answers, ["normal", "bacterial_pneumonia", "viral_pneumonia"])
    assert figures["any_pneumonia"] == {
        "auc": 1.0,
        "accuracy": 1.0,
        "sensitivity": 1.0,
        "specificity": 1.0,
    }
    assert figures["bacterial_against_viral"] == {"auc": 1.0, "accuracy": 0.5}
    assert figures["labels"]["accuracy"] == 0.5
    assert figures["lungs"]["two_lungs_share"] == 0.75
    assert figures["lungs"]["dice_mean"] == 0.925
