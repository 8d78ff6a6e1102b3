"""The exponential average of a model's weights, which reads better than the last step's."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray


class WeightAverage(keras.callbacks.Callback):
    """Average all weights, the batch statistics among them, after each step.

    Args:
        decay: What stays of the average at a step; less during the first steps, so that the
            random start is soon forgotten.
        weights: The average so far, where a run continues.
        steps: Steps taken so far.
    """

    def __init__(
        self, decay: float, weights: list[NDArray[Any]] | None = None, steps: int = 0
    ) -> None:
        super().__init__()
        self.decay = decay
        self.weights = weights
        self.steps = steps

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Move the average towards the weights of this step."""
        current = [np.asarray(w, dtype=np.float32) for w in self.model.weights]
        if self.weights is None:
            self.weights = [w.copy() for w in current]
        self.steps += 1
        part = 1.0 - min(self.decay, (1.0 + self.steps) / (10.0 + self.steps))
        for average, weight in zip(self.weights, current, strict=True):
            average += part * (weight - average)

    @contextmanager
    def applied(self, model: keras.Model) -> Iterator[None]:
        """Lend the averaged weights to the model."""
        own = model.get_weights()
        model.set_weights(self.weights if self.weights is not None else own)
        try:
            yield
        finally:
            model.set_weights(own)
