"""The loop of both trainings: epoch by epoch, a checkpoint after each, ready to continue."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import keras
import numpy as np

from ml.training.averaging import WeightAverage
from ml.training.curves import FILE as CURVES
from ml.training.curves import draw_curves
from ml.training.runs import RunFolder

Scores = dict[str, float]


@dataclass(frozen=True, slots=True)
class Course:
    """One course of training.

    Attributes:
        epochs: Epochs to run in all.
        average: Decay of the averaged weights.
        batches: Gives the batches of an epoch, counted from 0.
        judge: Scores the model on validation films; called with the averaged weights in place. It
            may settle statistics: what it leaves in the model is kept as the average.
        show: Prints a line.
    """

    epochs: int
    average: float
    batches: Callable[[int], keras.utils.PyDataset]
    judge: Callable[[keras.Model, int], Scores]
    show: Callable[[str], None]


@contextmanager
def computing_in(precision: str) -> Iterator[None]:
    """Make models in this Keras dtype policy, and in the usual one afterwards."""
    usual = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.mixed_precision.set_dtype_policy(usual)


def run_course(model: keras.Model, course: Course, run: RunFolder) -> None:
    """Train a compiled model to the course's end, from the checkpoint where there is one.

    The averaged weights are left in the model.
    """
    epoch, average = _resume(model, course, run)
    while epoch < course.epochs:
        log = model.fit(
            course.batches(epoch),
            initial_epoch=epoch,
            epochs=epoch + 1,
            callbacks=[average],
            # The batches come shuffled, by a seed that a run which continues knows.
            shuffle=False,
            verbose=2,
        )
        epoch += 1
        with average.applied(model):
            scores = course.judge(model, epoch - 1)
            average.weights = model.get_weights()
        _record(run, course, epoch, {k: v[-1] for k, v in log.history.items()} | scores)
        run.save_checkpoint(model, average.weights or [], epoch)
    if average.weights is not None:
        model.set_weights(average.weights)


def _resume(model: keras.Model, course: Course, run: RunFolder) -> tuple[int, WeightAverage]:
    kept = run.load_checkpoint(model)
    if kept is None:
        return 0, WeightAverage(course.average)
    epoch, weights = kept
    course.show(f"continuing after epoch {epoch} of {course.epochs}")
    steps = int(np.asarray(model.optimizer.iterations))
    return epoch, WeightAverage(course.average, weights, steps)


def _record(run: RunFolder, course: Course, epoch: int, figures: Scores) -> None:
    row = {"epoch": epoch} | {name: round(float(v), 5) for name, v in figures.items()}
    run.append_history(row)
    draw_curves(run.history(), run.path / CURVES)
    course.show("  ".join(f"{name} {value}" for name, value in row.items()))
