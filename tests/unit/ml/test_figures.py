"""Figures from answers: values by hand, intervals, subgroups, what is not known."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ml.datasets import PNEUMONIA, LabelledFilm
from ml.datasets.people import AGE_GROUPS
from ml.evaluation.figures import compute_figures
from ml.evaluation.sheets import worst_masks, worst_mistakes
from ml.evaluation.statistics import statistics
from ml.evaluation.tables import rows, table
from ml.model_card import _block
from tests.factories.answers import LABELS, answers, random_answers

FILM = LabelledFilm(Path("a.png"), None, 0, "a", False)
FOUR = ([0.8, 0.1, 0.1], [0.6, 0.3, 0.1], [0.1, 0.8, 0.1], [0.1, 0.6, 0.3])


def test_figures_by_hand() -> None:
    given = answers([0, 0, 1, 2], FOUR, dice=[0.9, 0.95, np.nan, np.nan], lung_count=[2, 2, 2, 1])
    figures = compute_figures(given, LABELS, resamples=20)
    assert (figures["films"], figures["patients"], figures["positive_films"]) == (4, 4, 2)
    some = ("auc", "average_precision", "accuracy", "sensitivity", "specificity")
    assert {figures["any_pneumonia"][name] for name in some} == {1.0}
    assert figures["bacterial_against_viral"]["auc"] == 1.0
    assert figures["bacterial_against_viral"]["accuracy"] == 0.5
    assert figures["labels"]["accuracy"] == 0.75
    assert figures["labels"]["confusion"]["rows_true"] == [[2, 0, 0], [0, 1, 0], [0, 1, 0]]
    assert figures["by_label"]["normal"]["films"] == 2
    assert figures["by_label"]["viral_pneumonia"]["recall"] == 0.0
    assert "precision" not in figures["by_label"]["viral_pneumonia"]
    assert figures["lungs"]["two_lungs_share"] == 0.75
    assert figures["lungs"]["dice_mean"] == 0.925
    assert figures["lungs"]["films_with_mask"] == 2
    assert figures["lungs"]["films_by_count"] == {"0": 0, "1": 1, "2": 3}
    assert not {"gate", "subgroups"} & set(figures)


def test_each_figure_stands_with_its_error_and_interval() -> None:
    figures = compute_figures(random_answers(), LABELS, resamples=200)
    for group in ("any_pneumonia", "bacterial_against_viral", "labels"):
        for name in ("auc", "accuracy", "macro_f1", "calibration_error"):
            if name in figures[group]:
                low, high = figures[group][f"{name}_ci95"]
                assert low <= high
                assert 0 < figures[group][f"{name}_se"] < 0.2
    assert figures["patients"] == 30


def test_pneumonia_of_a_kind_not_told_counts_as_pneumonia_alone() -> None:
    # Given two films of which only pneumonia is known
    told = answers([0, 0, 1, 2], FOUR)
    mixed = answers([0, 0, 1, 2, PNEUMONIA, PNEUMONIA], [*FOUR, [0.1, 0.5, 0.4], [0.9, 0.1, 0]])
    with_all, without = statistics(mixed, LABELS), statistics(told, LABELS)
    assert with_all["any_pneumonia.sensitivity"] == 0.75
    # I expect the figures of the labels to be those of the others
    for name in without:
        if name.startswith(("labels", "by_label", "bacterial")):
            np.testing.assert_equal(with_all[name], without[name])


def test_films_of_one_kind_give_what_they_can() -> None:
    figures = compute_figures(answers([PNEUMONIA] * 3, FOUR[:3]), LABELS, resamples=20)
    assert figures["any_pneumonia"]["sensitivity"] == 0.3333
    assert not {"auc", "specificity"} & set(figures["any_pneumonia"])
    assert "accuracy" not in figures["labels"]


def test_subgroups_stand_where_the_data_set_tells_them() -> None:
    given = random_answers(40)
    films = [
        replace(
            FILM, sex="female" if n < 25 else "male", age_group="1 to 5 years" if n < 5 else None
        )
        for n in range(40)
    ]
    groups = compute_figures(given, LABELS, films, resamples=20)["subgroups"]
    assert {name: group["films"] for name, group in groups["sex"].items()} == {
        "female": 25,
        "male": 15,
    }
    assert "auc_ci95" in groups["sex"]["male"]["any_pneumonia"]
    alone = statistics(given.take(np.arange(40) < 25), LABELS)
    assert groups["sex"]["female"]["any_pneumonia"]["auc"] == pytest.approx(
        alone["any_pneumonia.auc"], abs=1e-4
    )
    # Too few films tell nothing.
    assert groups["age_group"] == {"1 to 5 years": {"films": 5}}


def test_age_groups_stand_from_the_youngest() -> None:
    films = [replace(FILM, age_group=AGE_GROUPS[-1 - n % 5]) for n in range(20)]
    groups = compute_figures(random_answers(20), LABELS, films, resamples=20)["subgroups"]
    assert tuple(groups["age_group"]) == AGE_GROUPS


def test_the_gate_is_judged_where_there_is_one() -> None:
    gate = [1.0, 0.0, 1.0, 1.0]
    figures = compute_figures(answers([0, 0, 1, 2], FOUR, in_distribution=gate), LABELS)
    assert figures["gate"]["in_distribution_share"] == 0.75


def test_the_surest_mistakes_come_first() -> None:
    probability = [
        [0.9, 0.1, 0],
        [0.2, 0.5, 0.3],
        [0.1, 0.8, 0.1],
        [0.7, 0.2, 0.1],
        [0.2, 0.5, 0.3],
    ]
    given = answers([1, 2, 1, PNEUMONIA, PNEUMONIA], probability)
    assert worst_mistakes(given).tolist() == [0, 3, 1]
    assert worst_mistakes(given, most=1).tolist() == [0]


def test_the_worst_masks_come_first() -> None:
    given = answers([0, 0, 1, 2], FOUR, dice=[0.9, np.nan, 0.7, 0.8])
    assert worst_masks(given).tolist() == [2, 3, 0]


def test_rows_carry_error_and_interval() -> None:
    figures = {
        "films": 3,
        "a": {"auc": 0.9, "auc_se": 0.01, "auc_ci95": [0.88, 0.92]},
        "confusion": {"order": ["x", "y"], "rows_true": [[1, 2], [3, 4]]},
    }
    found = {row.name: (row.value, row.error, row.interval) for row in rows(figures)}
    assert found == {
        "films": (3, None, None),
        "a.auc": (0.9, 0.01, (0.88, 0.92)),
        "true x -> x, y": ([1, 2], None, None),
        "true y -> x, y": ([3, 4], None, None),
    }
    assert "a.auc           0.9  (0.88 to 0.92, se 0.01)" in table(figures)


def test_the_model_card_states_intervals() -> None:
    figures = compute_figures(random_answers(), LABELS, resamples=50)
    low, high = figures["any_pneumonia"]["auc_ci95"]
    block = _block("On the test part", figures)
    assert (
        f"| any pneumonia, auc | {figures['any_pneumonia']['auc']} | {low} to {high}, se" in block
    )
    assert "ci95" not in block
    assert _block("Plain", {"films": 3}).endswith("| figure | value |\n|---|---|\n| films | 3 |")
