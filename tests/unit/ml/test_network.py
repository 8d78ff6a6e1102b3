"""Training of backbones by name on prepared recipes, for label sets of other sizes."""

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from typer.testing import CliRunner

from ml.__main__ import app
from ml.evaluation.metrics import macro_f1
from ml.networks.backbones import BACKBONES, MOMENTUM, backbone_classifier
from ml.training.finished import trained_model
from ml.training.network import judge_labels
from ml.training.recipe_films import (
    AUGMENTATIONS,
    Augmentation,
    RecipeBatches,
    RecipeFilms,
    class_weights,
    read_recipe,
)
from ml.training.runs import RunFolder
from ml.training.statistics import settle_statistics
from tests.factories import nia, rsna

# Keras saves its variables through an interface that NumPy is about to drop.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SIZE = 32


def run(*arguments: str | Path) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def train(data: Path, folder: Path, *more: str | Path) -> Any:
    options = ("--backbone", "small_cnn", "--size", str(SIZE), "--precision", "float32")
    return run("train", "network", "--data", data, "--run", folder, *options, *more)


@pytest.fixture(scope="module")
def recipes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A prepared recipe of each layout."""
    folder = tmp_path_factory.mktemp("recipes")
    nia.write_nia(folder / "nia", patients=4)
    rsna.write_rsna(folder / "rsna", films=5)
    for layout in ("nia", "rsna"):
        done = run(
            *("prepare", folder / layout, "--layout", layout, "--out", folder / f"{layout}-out"),
            *("--workers", "1", "--size", str(SIZE)),
        )
        assert done.exit_code == 0, done.output
    return {layout: folder / f"{layout}-out" / "whole_clahe" for layout in ("nia", "rsna")}


@pytest.mark.parametrize(("layout", "labels"), [("nia", 7), ("rsna", 3)])
def test_a_data_set_becomes_a_trained_and_exported_network(
    recipes: dict[str, Path], tmp_path: Path, layout: str, labels: int
) -> None:
    folder = tmp_path / "run"
    done = train(recipes[layout], folder, "--epochs", "1")
    assert done.exit_code == 0, (done.output, done.exception)
    assert "val_macro_f1" in done.output
    settings = json.loads((folder / "settings.json").read_text())
    assert len(settings["labels"]) == labels
    assert settings["labels"][0] == "normal"
    # If I ask for another epoch of what has ended, I expect to be told
    refused(train(recipes[layout], folder, "--epochs", "2"), "holds a run with other epochs")
    model = trained_model(RunFolder(folder))
    again = trained_model(RunFolder(folder), checkpoint=True)
    films = read_recipe(recipes[layout], (), SIZE)[2].inputs()
    said, kept = (one.predict(films, verbose=0) for one in (model, again))
    assert said["logits"].shape == (len(films), labels)
    np.testing.assert_allclose(said["logits"], kept["logits"], atol=1e-5)
    np.testing.assert_allclose(said["activation"].mean(axis=(1, 2)), said["logits"], atol=1e-4)
    exported = run("export", folder)
    assert exported.exit_code == 0, (exported.output, exported.exception)
    assert (folder / "export" / "model.xml").is_file()


def test_training_leaves_duplicates_and_the_test_part_out(recipes: dict[str, Path]) -> None:
    labels, train_films, validation = read_recipe(recipes["nia"], (), SIZE)
    manifest = (recipes["nia"] / "manifest.csv").read_text().splitlines()[1:]
    told = [line.split(",")[3] for line in manifest]
    assert len(train_films.labels) == told.count("train")
    assert len(validation.labels) == told.count("validation")
    assert set(train_films.labels) == set(validation.labels) == set(range(len(labels)))


def films_of(counts: list[int]) -> RecipeFilms:
    rng = np.random.default_rng(1)
    labels = np.repeat(np.arange(len(counts)), counts)
    pixels = rng.integers(0, 256, (len(labels), SIZE, SIZE), dtype=np.uint8)
    return RecipeFilms(pixels, labels, np.array([f"p{n}" for n in range(len(labels))]))


def test_class_weights_even_classes_out() -> None:
    films = films_of([12, 3, 1])
    weights = class_weights(films.labels, 3)
    np.testing.assert_allclose(weights * [12, 3, 1], [16 / 3] * 3)
    batches = RecipeBatches(films, 3, AUGMENTATIONS["flip_rotate_4"], 8, (1, 0))
    drawn = [batches[place] for place in range(len(batches))]
    targets = np.concatenate([target for _, target, _ in drawn])
    # Four copies of each film, and the same weight for each class in all.
    assert targets.sum(axis=0).tolist() == [48, 12, 4]
    weighed = np.concatenate([weight for *_, weight in drawn]) @ targets
    np.testing.assert_allclose(weighed, [64 / 3] * 3, rtol=1e-5)
    assert all(inputs.shape[1:] == (SIZE, SIZE, 1) for inputs, *_ in drawn)


def test_balanced_batches_draw_each_class_alike() -> None:
    batches = RecipeBatches(films_of([12, 3, 3]), 3, AUGMENTATIONS["balanced"], 6, (1, 0))
    drawn = [batches[place] for place in range(len(batches))]
    assert sum(target.sum(axis=0) for _, target, _ in drawn).tolist() == [6, 6, 6]
    assert all((weight == 1).all() for *_, weight in drawn)


def test_augmentation_follows_from_its_key_and_none_changes_nothing() -> None:
    films = films_of([4, 4])
    how = Augmentation(flip=True, rotation=10.0)
    first, again, other = (RecipeBatches(films, 2, how, 8, (1, epoch))[0][0] for epoch in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    plain = RecipeBatches(films, 2, AUGMENTATIONS["none"], 8, (1, 0))[0][0]
    assert sorted(plain.sum(axis=(1, 2, 3))) == sorted(films.inputs().sum(axis=(1, 2, 3)))


def test_scores_are_those_of_any_label_set() -> None:
    truth = np.array([0, 1, 2, 3, 3])
    logits = np.eye(4)[[0, 1, 2, 3, 0]] * 3.0
    scores = judge_labels(truth, logits, ("a", "b", "c", "d"))
    assert scores["val_accuracy"] == 0.8
    confusion = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [1, 0, 0, 1]])
    assert scores["val_macro_f1"] == macro_f1(confusion)
    assert 0.5 < scores["val_auc"] < 1.0


def test_a_backbone_starts_from_a_file_of_its_weights(tmp_path: Path) -> None:
    trunk = BACKBONES["small_cnn"].build((SIZE, SIZE, 3))
    file = tmp_path / "small.weights.h5"
    trunk.save_weights(file)
    model = backbone_classifier("small_cnn", 7, SIZE, file)
    loaded = next(layer for layer in model.layers if isinstance(layer, keras.Model))
    for ours, theirs in zip(loaded.get_weights(), trunk.get_weights(), strict=True):
        assert np.array_equal(ours, theirs)


def test_an_application_gets_the_shared_head_and_statistics_that_settle_soon() -> None:
    model = backbone_classifier("mobilenetv2", 7, SIZE)
    trunk = next(layer for layer in model.layers if isinstance(layer, keras.Model))
    kinds = keras.layers.BatchNormalization
    assert {layer.momentum for layer in trunk.layers if isinstance(layer, kinds)} == {MOMENTUM}
    outputs = model(np.random.default_rng(1).random((1, SIZE, SIZE, 1), dtype=np.float32))
    assert outputs["logits"].shape == (1, 7)
    mean = np.asarray(outputs["activation"]).mean(axis=(1, 2))
    np.testing.assert_allclose(mean, outputs["logits"], atol=1e-4)


def test_statistics_are_the_means_over_batches_and_weights_stay() -> None:
    normalise = keras.layers.BatchNormalization(momentum=0.9)
    model = keras.Sequential([keras.Input((2,)), keras.Sequential([keras.Input((2,)), normalise])])
    batches = [np.array([[0.0, 1], [2, 3]], np.float32), np.array([[4.0, 5], [12, 5]], np.float32)]
    settle_statistics(model, batches)
    gamma, beta, mean, variance = normalise.get_weights()
    np.testing.assert_allclose(mean, [(1 + 8) / 2, (2 + 5) / 2], rtol=1e-5)
    np.testing.assert_allclose(variance, [(1 + 16) / 2, 1 / 2], rtol=1e-5)
    assert (gamma == 1).all()
    assert (beta == 0).all()
    assert normalise.momentum == 0.9


def test_what_does_not_fit_is_told_in_one_line(recipes: dict[str, Path], tmp_path: Path) -> None:
    data, folder = recipes["rsna"], tmp_path / "run"
    other = tmp_path / "other.weights.h5"
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).save_weights(other)
    for options, words in (
        (("--backbone", "resnet9"), "there is no backbone 'resnet9'; there are small_cnn,"),
        (("--backbone", "inceptionv3"), "inceptionv3 takes inputs of 75 pixels or more, not of 32"),
        (("--augmentation", "lots"), "there is no augmentation 'lots'; there are none,"),
        (("--weights", other), "does not hold the weights of small_cnn without its top"),
        (("--weights", tmp_path / "none"), "none is not there; --weights must name a file"),
        (("--labels", "normal,hernia"), "which is not in the label set (normal, hernia)"),
    ):
        refused(train(data, folder, *options), words)
    assert not list(folder.iterdir())
    undivided = tmp_path / "undivided"
    source = data.parent.parent / "rsna"
    assert run("manifest", source, "--layout", "rsna", "--out", undivided).exit_code == 0
    refused(train(undivided, folder), "in the split 'train'; `python -m ml prepare` divides")


def refused(done: Any, words: str) -> None:
    assert done.exit_code == 2, (done.output, done.exception)
    line = done.stderr.strip().splitlines()[-1]
    assert line.startswith("error: ")
    assert words in line
