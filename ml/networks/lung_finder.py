"""The segmenter of a bundle at work alone."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml.bundle import Bundle
from ml.lungs import clean_mask
from ml.preprocess import segmenter_input
from ml.runtimes import load_runtime


class LungFinder:
    """Finds the lungs of decoded films. Not to be shared between threads."""

    def __init__(self, bundle: Path) -> None:
        """Load a bundle's networks into OpenVINO.

        Raises:
            BundleError: The bundle or the runtime is not usable.
        """
        loaded = Bundle.load(bundle)
        self._runtime = load_runtime("openvino", loaded)
        self._preprocessing = loaded.preprocessing

    def find(self, film: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Give the cleaned lung mask (S, S), 0 or 255, of a film (height, width), 8-bit grey."""
        batch = segmenter_input(film, self._preprocessing)[np.newaxis]
        return clean_mask(self._runtime.segment(batch)[0])[0]
