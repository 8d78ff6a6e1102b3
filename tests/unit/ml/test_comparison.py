"""Comparison of backbones and recipes: plan, runs, figures, table."""

import csv
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from typer.testing import CliRunner

from ml.__main__ import app
from ml.comparison.answers import Answers
from ml.comparison.cost import multiply_adds, parameters
from ml.comparison.plan import Cell
from ml.comparison.scoring import score, seed_interval
from ml.networks.backbones import backbone_classifier
from ml.networks.head import trained_part
from ml.training.recipe_films import read_recipe
from tests.factories import nia

# Keras saves its variables through an interface that NumPy is about to drop.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SIZE = 32
PLAN = """
backbones = ["small_cnn"]
recipes = ["whole_clahe", "lung_crop"]
seeds = [1, 2]
films = {films}
size = 32
epochs = 1
augmentation = "none"
precision = "float32"
"""


def run(*arguments: str | Path) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The seven classes, prepared by two recipes."""
    folder = tmp_path_factory.mktemp("comparison")
    nia.write_nia(folder / "nia", patients=4)
    done = run(
        *("prepare", folder / "nia", "--layout", "nia", "--out", folder / "out"),
        *("--recipe", "whole_clahe", "--recipe", "lung_crop"),
        *("--workers", "1", "--size", str(SIZE)),
    )
    assert done.exit_code == 0, done.output
    return folder / "out"


def write_plan(folder: Path, films: int = 0, **other: str) -> Path:
    text = PLAN.format(films=films)
    for name, value in other.items():
        kept = [line for line in text.splitlines() if not line.startswith(f"{name} =")]
        text = "\n".join([*kept, f"{name} = {value}"])
    path = folder / "plan.toml"
    path.write_text(text + "\n")
    return path


def test_a_comparison_continues_and_reports(prepared: Path, tmp_path: Path) -> None:
    # Given a comparison that has one of two seeds
    out = tmp_path / "runs"
    compare = ("compare", write_plan(tmp_path, seeds="[1]"), "--data", prepared, "--out", out)
    first = run(*compare)
    assert first.exit_code == 0, (first.output, first.exception)
    assert "run 2 of 2: small_cnn, lung_crop, seed 1" in first.output
    kept = (out / "small_cnn-lung_crop-1" / "answers.npz").stat().st_mtime_ns
    # If a run is killed before it answers, and I add a seed
    (out / "small_cnn-whole_clahe-1" / "answers.npz").unlink()
    write_plan(tmp_path)
    second = run(*compare)
    assert second.exit_code == 0, (second.output, second.exception)
    # I expect that only what is missing is run
    assert [line for line in second.output.splitlines() if line.startswith("run ")] == [
        "run 1 of 4: small_cnn, whole_clahe, seed 1",
        "run 3 of 4: small_cnn, whole_clahe, seed 2",
        "run 4 of 4: small_cnn, lung_crop, seed 2",
    ]
    assert (out / "small_cnn-lung_crop-1" / "answers.npz").stat().st_mtime_ns == kept
    # and a row for each cell, with what the runs' own histories say
    with (out / "table.csv").open() as lines:
        rows = {row["recipe"]: row for row in csv.DictReader(lines)}
    for recipe, row in rows.items():
        assert row["seeds"] == "2"
        told = []
        for seed in (1, 2):
            with (out / f"small_cnn-{recipe}-{seed}" / "history.csv").open() as lines:
                told.append(list(csv.DictReader(lines))[-1])
        f1, auc = (
            np.mean([float(last[name]) for last in told]) for name in ("val_macro_f1", "val_auc")
        )
        assert float(row["macro_f1"]) == pytest.approx(f1, abs=1e-3)
        assert float(row["auc"]) == pytest.approx(auc, abs=1e-3)
        assert float(row["films_per_second"]) > 0
    assert sum(row["p"] == "" for row in rows.values()) == 1
    assert (out / "chart-light.png").stat().st_size > 5_000
    told_table = (out / "table.md").read_text()
    assert told_table in second.output
    assert told_table.count("| the best |") == 1
    # If I report once more, I expect the same figures without training
    again = run(*compare, "--report")
    assert "run " not in again.output
    assert (out / "table.md").read_text() == told_table


def test_the_films_of_some_patients_are_the_same_for_every_seed(prepared: Path) -> None:
    every = read_recipe(prepared / "whole_clahe", (), SIZE)[1]
    some = read_recipe(prepared / "whole_clahe", (), SIZE, most=len(every.labels) - 1)[1]
    again = read_recipe(prepared / "lung_crop", (), SIZE, most=len(every.labels) - 1)[1]
    assert len(some.labels) < len(every.labels)
    assert np.array_equal(some.patients, again.patients)
    # Patients come whole.
    for patient in set(some.patients):
        assert sum(some.patients == patient) == sum(every.patients == patient)


def answers_of(said: list[int], truth: list[int]) -> Answers:
    patients = np.array([f"p{number}" for number in range(len(truth))])
    return Answers(("a", "b"), np.array(truth), patients, np.eye(2)[said])


def test_a_worse_cell_is_told_from_the_best_and_an_equal_one_is_not() -> None:
    truth = [0, 1] * 40
    right, wrong = truth, [1, 0] * 20 + truth[40:]
    cells = [Cell("small_cnn", name) for name in ("whole_clahe", "lung_crop", "segmented_crop")]
    runs = {cells[0]: [right, right], cells[1]: [wrong, wrong], cells[2]: [right, right]}
    scored = score(
        {cell: [answers_of(said, truth) for said in all_said] for cell, all_said in runs.items()}
    )
    best, worse, equal = scored
    assert best.against is None
    assert best.macro_f1 == best.auc == 1.0
    assert worse.against is not None
    assert worse.against.difference == pytest.approx(-0.5)
    low, high = worse.against.interval
    assert low < -0.5 < high < 0
    assert worse.against.p == pytest.approx(2 / 1000)
    assert equal.against is not None
    assert equal.against.p == 1.0


def test_the_interval_over_seeds_is_that_of_students_t() -> None:
    # Three values with mean 2 and standard deviation 1; t is 4.3027 with two degrees of freedom.
    assert seed_interval([1.0, 2.0, 3.0]) == pytest.approx(
        (2 - 4.3027 / 3**0.5, 2 + 4.3027 / 3**0.5), abs=1e-4
    )
    assert seed_interval([0.5]) is None


def test_runs_on_other_films_are_not_compared() -> None:
    runs = {
        Cell("small_cnn", "whole_clahe"): [answers_of([0, 1], [0, 1])],
        Cell("small_cnn", "lung_crop"): [answers_of([0, 1], [1, 1])],
    }
    with pytest.raises(ValueError, match="scored on other validation films"):
        score(runs)
    with pytest.raises(ValueError, match="no run has ended"):
        score({Cell("small_cnn", "whole_clahe"): []})


def test_multiply_adds_are_those_counted_by_hand() -> None:
    model = trained_part(backbone_classifier("small_cnn", 3, SIZE))
    # Kernels of 3 x 3 at 16, 8, 4 and 2 places each way, and one dense layer.
    by_hand = 9 * (16**2 * 16 + 8**2 * 16 * 32 + 4**2 * 32 * 64 + 2**2 * 64 * 128) + 128 * 3
    assert multiply_adds(model) == by_hand
    assert parameters(model) == 9 * (16 + 16 * 32 + 32 * 64 + 64 * 128) + 4 * 240 + 128 * 3 + 3
    # Sandler et al. (2018) give 300 million for MobileNetV2 at 224, its 1,000 classes among them.
    large = trained_part(backbone_classifier("mobilenetv2", 3, 224))
    assert multiply_adds(large) == pytest.approx(300e6, rel=0.05)
    keras.backend.clear_session()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"backbones": '["resnet9"]'}, "there is no backbone 'resnet9'"),
        ({"recipes": '["halves"]'}, "there is no recipe 'halves'"),
        ({"recipes": '["whole_clahe", "whole_clahe"]'}, "recipes lists something twice"),
        ({"seeds": "[]"}, "seeds: "),
        ({"epochs": "0"}, "epochs: "),
        ({"augmentation": '"lots"'}, "there is no augmentation 'lots'"),
        ({"colour": "1"}, "colour: "),
        ({"recipes": '["segmented_crop"]'}, "segmented_crop is not there; make it with"),
        ({"labels": '["normal", "hernia"]'}, "which is not in the label set (normal, hernia)"),
    ],
)
def test_a_plan_that_cannot_be_carried_out_is_told_in_one_line(
    prepared: Path, tmp_path: Path, change: dict[str, str], words: str
) -> None:
    out = tmp_path / "runs"
    refused(run("compare", write_plan(tmp_path, **change), "--data", prepared, "--out", out), words)
    assert not out.exists()


def test_other_settings_in_the_same_folder_are_refused(prepared: Path, tmp_path: Path) -> None:
    out = tmp_path / "runs"
    folder = out / "small_cnn-whole_clahe-1"
    folder.mkdir(parents=True)
    (folder / "settings.json").write_text(json.dumps({"epochs": 9}))
    compare = ("compare", write_plan(tmp_path), "--data", prepared, "--out", out)
    refused(run(*compare), "holds a run with other")
    refused(run(*compare, "--report"), "no run has ended yet")
    refused(run("compare", tmp_path / "none.toml", "--data", prepared), "cannot be read")
    (tmp_path / "plan.toml").write_text("a = ")
    refused(run(*compare), "is no TOML")


def refused(done: Any, words: str) -> None:
    assert done.exit_code == 2, (done.output, done.exception)
    line = done.stderr.strip().splitlines()[-1]
    assert line.startswith("error: ")
    assert words in line
