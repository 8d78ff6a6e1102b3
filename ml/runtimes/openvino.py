"""OpenVINO: the runtime of CPU workers, one thread a process."""

from pathlib import Path
from typing import Any

import numpy as np

from ml.bundle import Bundle
from ml.errors import BundleError
from ml.runtimes.base import Batch, Classified
from ml.runtimes.untracked import import_openvino

_CONFIG = {
    # The default is bfloat16 on processors that have it; findings must not depend on the host.
    "INFERENCE_PRECISION_HINT": "f32",
    # A worker process is the unit of parallelism; threads in it would fight the others' caches.
    "INFERENCE_NUM_THREADS": 1,
    "NUM_STREAMS": 1,
    # Pinned, every child would sit on the same first core.
    "ENABLE_CPU_PINNING": False,
}


class OpenVinoRuntime:
    """A bundle's exported networks, compiled for static shapes of one film.

    Films go through one by one. On one thread that is the fastest for the segmenter (9.3 ms a film
    against 10.0 in fours and 10.9 in sixteens) and 8 % short of the best for the classifier (8.9
    against 8.1 in fours), and a film's findings are the same to the last bit whatever batch it
    came in.
    """

    name = "openvino"

    def __init__(self, bundle: Bundle) -> None:
        p = bundle.preprocessing
        core = import_openvino().Core()
        self._segmenter = _Network(core, bundle.file("openvino/segmenter.xml"), p.segmenter_size)
        self._classifier = _Network(core, bundle.file("openvino/classifier.xml"), p.classifier_size)
        size, labels = p.segmenter_size, len(bundle.labels)
        self._lung = self._segmenter.output((1, size, size, 1))
        self._logits = self._classifier.output((1, labels))
        self._features = self._classifier.output((1, None), other_than=(1, labels))
        self._activation = self._classifier.output((1, None, None, labels))

    def segment(self, batch: Batch) -> Batch:
        """See `Runtime.segment`."""
        maps = [self._segmenter(film)[self._lung] for film in batch]
        return np.concatenate(maps)[..., 0]

    def classify(self, batch: Batch) -> Classified:
        """See `Runtime.classify`."""
        outputs = [self._classifier(film) for film in batch]
        logits, features, activation = (
            np.concatenate([output[place] for output in outputs])
            for place in (self._logits, self._features, self._activation)
        )
        return Classified(logits, features, activation)


class _Network:
    """One compiled network."""

    def __init__(self, core: Any, file: Path, size: int) -> None:
        try:
            model = core.read_model(file)
            model.reshape([1, size, size, 1])
            self._compiled = core.compile_model(model, "CPU", _CONFIG)
        except RuntimeError as error:
            raise BundleError(f"OpenVINO cannot load {file}: {error}") from error
        self._file = file
        self._request = self._compiled.create_infer_request()

    def output(self, shape: tuple[int | None, ...], other_than: tuple[int | None, ...] = ()) -> int:
        """Give the place of the output of this shape, None standing for any length.

        An export keeps neither names nor order of a Keras model's outputs for certain; the shapes
        of logits, features and activation differ, so they cannot be mixed up.
        """
        shapes = [tuple(output.shape) for output in self._compiled.outputs]
        places = [
            place
            for place, found in enumerate(shapes)
            if _matches(found, shape) and not _matches(found, other_than)
        ]
        if len(places) != 1:
            raise BundleError(f"{self._file} has outputs {shapes}, not one of shape {shape}.")
        return places[0]

    def __call__(self, film: Batch) -> list[Batch]:
        """Run one film, (size, size, 1), and give the outputs in the network's order."""
        self._request.infer([film[np.newaxis]], share_inputs=True)
        return [np.array(tensor.data) for tensor in self._request.output_tensors]


def _matches(found: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(found) == len(wanted) and all(
        want in (None, have) for have, want in zip(found, wanted, strict=True)
    )
