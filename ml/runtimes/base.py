"""What every runtime offers, and what it must find in a bundle."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Batch = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Classified:
    """What the classifier says of a batch.

    Attributes:
        logits: (n, labels).
        features: (n, f), the pooled features that the logits are computed from.
        activation: (n, h, w, labels), the class activation maps; their means are the logits.
    """

    logits: Batch
    features: Batch
    activation: Batch


class Runtime(Protocol):
    """The two networks of one bundle, ready to run. Not to be shared between threads.

    Attributes:
        name: As `load_runtime` knows it; stands with every prediction.
    """

    name: str

    def segment(self, batch: Batch) -> Batch:
        """Find lungs: (n, S, S, 1) grey in 0..1 -> (n, S, S) lung probability in 0..1."""
        ...

    def classify(self, batch: Batch) -> Classified:
        """Classify: (n, C, C, 1), grey in 0..1."""
        ...
