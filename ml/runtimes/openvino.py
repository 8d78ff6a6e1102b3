"""OpenVINO: the runtime of CPU workers, one thread a process."""

from pathlib import Path
from typing import Any

import numpy as np

from ml.bundle import Bundle
from ml.errors import BundleError
from ml.runtimes.base import ACTIVATION_RANK, LOGITS_RANK, SEGMENTER_OUTPUT_RANK, Batch
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
        self._lung = self._segmenter.output(SEGMENTER_OUTPUT_RANK)
        self._logits = self._classifier.output(LOGITS_RANK)
        self._activation = self._classifier.output(ACTIVATION_RANK)

    def segment(self, batch: Batch) -> Batch:
        """See `Runtime.segment`."""
        maps = [self._segmenter(film)[self._lung] for film in batch]
        return np.concatenate(maps)[..., 0]

    def classify(self, batch: Batch) -> tuple[Batch, Batch]:
        """See `Runtime.classify`."""
        outputs = [self._classifier(film) for film in batch]
        logits = np.concatenate([output[self._logits] for output in outputs])
        return logits, np.concatenate([output[self._activation] for output in outputs])


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

    def output(self, rank: int) -> int:
        """Give the place of the output of this rank.

        An export keeps neither names nor order of a Keras model's outputs for certain; the ranks
        of logits and activation differ, so they cannot be mixed up.
        """
        ranks = [len(output.shape) for output in self._compiled.outputs]
        if ranks.count(rank) != 1:
            raise BundleError(f"{self._file} has outputs of rank {ranks}, not one of rank {rank}.")
        return ranks.index(rank)

    def __call__(self, film: Batch) -> list[Batch]:
        """Run one film, (size, size, 1), and give the outputs in the network's order."""
        self._request.infer([film[np.newaxis]], share_inputs=True)
        return [np.array(tensor.data) for tensor in self._request.output_tensors]
