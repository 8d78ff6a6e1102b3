"""OpenVINO: the runtime of CPU workers, one thread a process."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ml.bundle import Bundle
from ml.errors import BundleError
from ml.runtimes.base import Batch, Classified
from ml.runtimes.untracked import import_openvino

NETWORKS = ("segmenter", "classifier")
_CONFIG = {
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

    In bf16 the same networks are computed with 8 bits of precision; in int8 their quantised twins
    are, where the bundle carries them (`ml.quantisation`). Its name then tells which.
    """

    def __init__(self, bundle: Bundle, precision: str = "f32") -> None:
        self.name = "openvino" if precision == "f32" else f"openvino-{precision}"
        segmenter_size = bundle.preprocessing.segmenter_size
        core = import_openvino().Core()
        hint = _hint(core, precision)
        files = [network_file(bundle, network, precision) for network in NETWORKS]
        self._segmenter = _Network(core, files[0], segmenter_size, hint)
        self._classifier = _Network(core, files[1], bundle.classifier_size, hint)
        labels = len(bundle.labels)
        self._lung = self._segmenter.output((1, segmenter_size, segmenter_size, 1))
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


def open_network(file: Path, size: int) -> Callable[[Batch], list[Batch]]:
    """Compile one exported network in f32, as workers run it.

    Args:
        file: Its `.xml`.
        size: Side of the input, pixels.

    Returns:
        A call from one film (size, size, 1) to the outputs.
    """
    return _Network(import_openvino().Core(), file, size, "f32")


def network_file(bundle: Bundle, network: str, precision: str) -> Path:
    """Give the file of a network in a precision.

    Raises:
        BundleError: The bundle does not carry it.
    """
    if precision != "int8":
        return bundle.file(f"openvino/{network}.xml")
    name = f"openvino/{network}-int8.xml"
    if name not in bundle.files:
        raise BundleError(
            f"{bundle.key} carries no int8 networks. Make a bundle that does: "
            "python -m ml quantise --help.",
            "precision_missing",
        )
    return bundle.file(name)


def _hint(core: Any, precision: str) -> str:
    """Name the precision of what is not quantised.

    OpenVINO's default is bfloat16 on processors that have it; findings must not depend on the
    host, so f32 is asked for by name, and bf16 is refused where it would be something else.
    """
    if precision != "bf16":
        return "f32"
    if "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise BundleError("This processor does not compute in bf16; use f32.", "precision_missing")
    return "bf16"


class _Network:
    """One compiled network."""

    def __init__(self, core: Any, file: Path, size: int, hint: str) -> None:
        try:
            model = core.read_model(file)
            model.reshape([1, size, size, 1])
            config = _CONFIG | {"INFERENCE_PRECISION_HINT": hint}
            self._compiled = core.compile_model(model, "CPU", config)
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
