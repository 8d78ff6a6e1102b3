"""Keras on TensorFlow: the runtime of GPU workers, and the reference the other is held to."""

from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from ml.bundle import Bundle
from ml.errors import BundleError
from ml.runtimes.base import Batch, Classified


class TensorFlowRuntime:
    """A bundle's Keras models as traced functions; `predict` sets up a loop for each call.

    On a GPU memory is taken as needed, so that several workers can share one. XLA stays off: it
    compiles for minutes on a CPU, and anew for each batch size on a GPU.
    """

    name = "tensorflow"

    def __init__(self, bundle: Bundle) -> None:
        _grow_memory()
        segmenter_size = bundle.preprocessing.segmenter_size
        self._segmenter = _Network(bundle.file("segmenter.keras"), segmenter_size)
        self._classifier = _Network(bundle.file("classifier.keras"), bundle.classifier_size)

    def segment(self, batch: Batch) -> Batch:
        """See `Runtime.segment`."""
        maps: Batch = self._segmenter(batch).numpy()
        return maps[..., 0]

    def classify(self, batch: Batch) -> Classified:
        """See `Runtime.classify`."""
        outputs = self._classifier(batch)
        return Classified(*(outputs[name].numpy() for name in ("logits", "features", "activation")))


class _Network:
    """One Keras model behind one traced function for every batch size."""

    def __init__(self, file: Path, size: int) -> None:
        try:
            self._model = keras.saving.load_model(file, compile=False, safe_mode=True)
        except (ValueError, OSError) as error:
            raise BundleError(f"Keras cannot load {file}: {error}") from error
        shape = tf.TensorSpec((None, size, size, 1), tf.float32)
        self._function = tf.function(self._run, input_signature=[shape], jit_compile=False)

    def _run(self, batch: Any) -> Any:
        return self._model(batch, training=False)

    def __call__(self, batch: Batch) -> Any:
        return self._function(tf.constant(batch))


def _grow_memory() -> None:
    for gpu in tf.config.list_physical_devices("GPU"):
        try:
            tf.config.experimental.set_memory_growth(gpu, True)
        except RuntimeError:
            # Devices are already in use by this process, which has made its choice.
            return
