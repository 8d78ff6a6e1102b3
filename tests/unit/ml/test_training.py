"""Training of tiny networks on tiny data: a run that was cut off ends as one that was not."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from ml.lungs import Region
from ml.training.batches import BalancedBatches, balanced_order, mirror, perturbed_inputs
from ml.training.loop import Course, run_course
from ml.training.perturb import TRAINING, jitter_box
from ml.training.prepare import PreparedFilms
from ml.training.runs import RunFolder
from ml.training.schedule import adamw
from ml.training.settings import ClassifierSettings, SegmenterSettings
from tests.factories.datasets import SIDE, draw_film

EPOCHS = 4


def prepared(count: int = 12) -> PreparedFilms:
    rng = np.random.default_rng(8)
    labels = np.arange(count, dtype=np.int64) % 3
    films = np.stack([draw_film(int(kind), rng)[0] for kind in labels])
    boxes = np.tile(np.array([0.15, 0.2, 0.85, 0.8], dtype=np.float32), (count, 1))
    return PreparedFilms(films, boxes, labels)


def compiled(steps: int) -> keras.Model:
    keras.utils.set_random_seed(3)
    film = keras.Input((None, None, 1))
    x = layers.Conv2D(4, 3, strides=2)(film)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    model = keras.Model(film, layers.Dense(3)(layers.GlobalAveragePooling2D()(x)))
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    model.compile(adamw(1e-2, 0.01, steps), loss, jit_compile=False)
    return model


def run_until(folder: Path, stop_before: int | None, lines: list[str]) -> list[np.ndarray]:
    """Run the course; where asked, break off when an epoch is about to start."""
    films = prepared()

    def batches(epoch: int) -> BalancedBatches:
        if epoch == stop_before:
            raise KeyboardInterrupt
        return BalancedBatches(films, 3, 4, 32, (1, epoch))

    model = compiled(EPOCHS * 3)
    judge: Callable[[keras.Model, int], dict[str, float]] = lambda _, epoch: {"val": epoch}  # noqa: E731
    course = Course(EPOCHS, 0.9, batches, judge, lines.append)
    run_course(model, course, RunFolder(folder))
    return [np.asarray(w) for w in model.get_weights()]


def test_run_that_was_cut_off_continues_to_the_same_end(tmp_path: Path) -> None:
    lines: list[str] = []
    whole = run_until(tmp_path / "whole", None, lines)
    with pytest.raises(KeyboardInterrupt):
        run_until(tmp_path / "cut", 2, lines)
    continued = run_until(tmp_path / "cut", None, lines)
    assert "continuing after epoch 2 of 4" in lines
    history = RunFolder(tmp_path / "cut").history()
    assert (tmp_path / "cut" / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert [row["epoch"] for row in history] == ["1", "2", "3", "4"]
    for a, b in zip(whole, continued, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_finished_run_trains_no_further(tmp_path: Path) -> None:
    whole = run_until(tmp_path / "run", None, [])
    again = run_until(tmp_path / "run", 0, [])
    assert all(np.array_equal(a, b) for a, b in zip(whole, again, strict=True))


def test_other_settings_are_refused_in_the_same_folder(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.fix_settings(SegmenterSettings(epochs=3))
    run.fix_settings(SegmenterSettings(epochs=3))
    with pytest.raises(ValueError, match="a run with other epochs"):
        run.fix_settings(SegmenterSettings(epochs=4))


def test_training_ends_at_the_size_that_is_served() -> None:
    s = ClassifierSettings(epochs=10)
    sizes = [s.size_of(epoch) for epoch in range(s.epochs)]
    assert sizes == [64] * 4 + [96] * 3 + [128] * 3


def test_epochs_draw_as_many_films_of_each_label() -> None:
    labels = np.array([0] * 2 + [1] * 9 + [2] * 4)
    order = balanced_order(labels, np.random.default_rng(0))
    assert [int(np.sum(labels[order] == kind)) for kind in range(3)] == [5, 5, 5]
    assert len(set(order[labels[order] == 1])) == 5


def test_batches_follow_from_seed_epoch_and_place() -> None:
    films = prepared()
    first, same = (BalancedBatches(films, 3, 4, 32, (1, 0))[1] for _ in range(2))
    other = BalancedBatches(films, 3, 4, 32, (1, 1))[1]
    assert np.array_equal(first[0], same[0])
    assert not np.array_equal(first[0], other[0])
    assert first[0].shape == (4, 32, 32, 1)
    assert first[1].sum(axis=1).tolist() == [1.0] * 4


def test_perturbed_validation_is_the_same_each_time() -> None:
    films = prepared()
    assert np.array_equal(perturbed_inputs(films, 32, 101), perturbed_inputs(films, 32, 101))
    assert not np.array_equal(perturbed_inputs(films, 32, 101), perturbed_inputs(films, 32, 102))


def test_mirrored_box_holds_the_same_pixels() -> None:
    film = np.arange(SIDE * SIDE, dtype=np.uint32).reshape(SIDE, SIDE).astype(np.uint8)
    box = Region(0.25, 0.0, 0.5, 1.0)
    flipped, moved = mirror(film, box)
    assert moved == Region(0.5, 0.0, 0.75, 1.0)
    assert np.array_equal(flipped[:, 48:72][:, ::-1], film[:, 24:48])
    assert mirror(film, None)[1] is None


def test_jittered_boxes_stay_on_the_film_and_change_aspect() -> None:
    rng = np.random.default_rng(0)
    boxes = [jitter_box(Region(0.05, 0.1, 0.9, 0.95), rng, TRAINING) for _ in range(200)]
    assert all(0 <= b.x0 < b.x1 <= 1 and 0 <= b.y0 < b.y1 <= 1 for b in boxes)
    aspects = [(b.x1 - b.x0) / (b.y1 - b.y0) for b in boxes]
    assert np.std(aspects) > 0.05
