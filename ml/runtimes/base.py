"""What every runtime offers, and what it must find in a bundle."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Batch = NDArray[np.float32]


class Runtime(Protocol):
    """The two networks of one bundle, ready to run. Not to be shared between threads.

    Attributes:
        name: As `load_runtime` knows it; stands with every prediction.
    """

    name: str

    def segment(self, batch: Batch) -> Batch:
        """Find lungs: (n, S, S, 1) grey in 0..1 -> (n, S, S) lung probability in 0..1."""
        ...

    def classify(self, batch: Batch) -> tuple[Batch, Batch]:
        """Classify: (n, C, C, 1) -> logits (n, labels) and activation (n, h, w, labels)."""
        ...
