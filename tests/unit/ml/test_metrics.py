import math

import numpy as np
import pytest

from ml.evaluation.calibration import (
    fit_temperature,
    operating_thresholds,
    question_temperatures,
    threshold_for_sensitivity,
    youden_threshold,
)
from ml.evaluation.curves import average_precision, reliability, roc_curve
from ml.evaluation.metrics import (
    auc,
    binary_calibration_error,
    calibration_error,
    confusion,
    macro_f1,
    overlap,
    sensitivity_specificity,
    spearman,
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


def test_spearman_by_hand() -> None:
    # Ranks 1, 2, 3, 4 against 2, 1, 4, 3: 1 - 6 * 4 / (4 * 15)
    assert spearman(np.array([1.0, 2, 3, 4]), np.array([20.0, 10, 40, 30])) == pytest.approx(0.6)
    # Ties share a rank: 1, 2.5, 2.5 against 1, 2, 3
    tied = spearman(np.array([0.0, 5, 5]), np.array([0.0, 1, 2]))
    assert tied == pytest.approx(1.5 / np.sqrt(1.5 * 2))
    assert math.isnan(spearman(np.array([1.0, 1]), np.array([1.0, 2])))


def test_each_question_has_its_own_temperature() -> None:
    """Drawn from known temperatures: sick or not at 0.5, which sickness at 2."""
    random = np.random.default_rng(4)
    logits = random.normal(0, 1.5, (20_000, 3)).astype(np.float32)
    odds = np.logaddexp(logits[:, 1], logits[:, 2]) - logits[:, 0]
    sick = random.random(len(logits)) < 1 / (1 + np.exp(-odds / 0.5))
    second = random.random(len(logits)) < 1 / (1 + np.exp(-(logits[:, 2] - logits[:, 1]) / 2.0))

    fitted = question_temperatures(np.where(sick, 1 + second, 0), logits)

    assert fitted["any pneumonia"] == pytest.approx(0.5, rel=0.1)
    assert fitted["which pneumonia"] == pytest.approx(2.0, rel=0.1)


def test_binary_calibration_error_by_hand() -> None:
    # Three films at 0.1, one sick: gap 0.7; one at 0.9, well: gap 0.9.
    happened = np.array([True, False, False, False])
    error = binary_calibration_error(happened, np.array([0.1, 0.1, 0.1, 0.9]))
    assert error == pytest.approx((0.7 + 0.9) / 4)


def test_roc_curve_passes_its_corners() -> None:
    alarms, hits = roc_curve(np.array([True, False, True]), np.array([0.9, 0.5, 0.5]))
    assert alarms.tolist() == [0.0, 0.0, 1.0]
    assert hits.tolist() == [0.0, 0.5, 1.0]


def test_average_precision_by_hand() -> None:
    # Hits at ranks 1 and 3: (1/1 + 2/3) / 2
    positive = np.array([True, False, True, False])
    score = np.array([0.9, 0.8, 0.7, 0.1])
    assert average_precision(positive, score) == pytest.approx((1 + 2 / 3) / 2)
    assert math.isnan(average_precision(~positive & positive, score))


def test_reliability_by_hand() -> None:
    points = reliability(np.array([True, False, True]), np.array([0.11, 0.13, 1.0]), bins=5)
    assert points.films.tolist() == [2, 1]
    np.testing.assert_allclose(points.said, [0.12, 1.0])
    np.testing.assert_allclose(points.true, [0.5, 1.0])
