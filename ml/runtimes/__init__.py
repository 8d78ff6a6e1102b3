"""What computes the networks: OpenVINO on CPU, Keras on TensorFlow on GPU and as the reference.

Importing this package imports neither; `load_runtime` imports the one it is asked for.
"""

from ml.bundle import Bundle
from ml.errors import BundleError
from ml.runtimes.base import Classified, Runtime

__all__ = ["PRECISIONS", "RUNTIMES", "Classified", "Runtime", "load_runtime"]

RUNTIMES = ("openvino", "tensorflow")
PRECISIONS = ("f32", "bf16", "int8")


def load_runtime(name: str, bundle: Bundle, precision: str = "f32") -> Runtime:
    """Load a bundle's two networks into a runtime. Takes seconds: once a process, in the child.

    Args:
        name: One of `RUNTIMES`.
        bundle: Already verified.
        precision: One of `PRECISIONS`; OpenVINO alone computes in others than f32.

    Raises:
        BundleError: `runtime_unknown`, `runtime_missing` when its package is not installed,
            `precision_unknown`, `precision_missing` when the processor or the bundle lacks it, or
            a model that does not keep the contract of a bundle.
    """
    if name not in RUNTIMES:
        raise BundleError(
            f"No runtime {name!r}; there are {', '.join(RUNTIMES)}.", "runtime_unknown"
        )
    if precision not in PRECISIONS if name == "openvino" else precision != "f32":
        offered = ", ".join(PRECISIONS) if name == "openvino" else "f32 only"
        raise BundleError(
            f"The runtime {name} has no precision {precision!r}; it has {offered}.",
            "precision_unknown",
        )
    try:
        if name == "openvino":
            from ml.runtimes.openvino import OpenVinoRuntime

            return OpenVinoRuntime(bundle, precision)
        from ml.runtimes.tensorflow import TensorFlowRuntime

        return TensorFlowRuntime(bundle)
    except ModuleNotFoundError as error:
        extra = "worker" if name == "openvino" else "gpu"
        raise BundleError(
            f"The runtime {name} needs the package {error.name}: pip install '.[{extra}]'.",
            "runtime_missing",
        ) from error
