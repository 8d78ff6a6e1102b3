"""The gate: whether a film is of the kind that a bundle's networks were trained on.

It rests on what the networks compute anyway (the classifier's features, the segmenter's lung map)
and costs less than a hundredth of them.
"""

from ml.gate.gate import Gate, Verdict
from ml.gate.observation import Observation

__all__ = ["Gate", "Observation", "Verdict"]
