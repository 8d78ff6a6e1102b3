"""From a run to files that a bundle carries: a Keras model and its OpenVINO twin, both small.

All weights are rounded to values that 16-bit floats can hold before either file is written. The
OpenVINO file may then store them in half the bytes and still hold the same numbers as Keras.
"""

import tempfile
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from ml.runtimes.untracked import import_openvino

KERAS_FILE = "model.keras"
OPENVINO_FILE = "model.xml"
# Constants with fewer values than this are not worth a conversion.
SMALL = 64


def export_model(model: keras.Model, folder: Path) -> None:
    """Round a float32 model's weights and write `model.keras`, `model.xml` and `model.bin`.

    Args:
        model: With a fixed input size; its weights are changed in place.
        folder: Made where it is not there.

    Raises:
        ValueError: A weight is too large for a 16-bit float.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model.set_weights([to_half_values(weight) for weight in model.get_weights()])
    model.save(folder / KERAS_FILE)
    _deflate(folder / KERAS_FILE)
    openvino = import_openvino()
    with tempfile.TemporaryDirectory() as saved:
        model.export(saved, format="tf_saved_model", verbose=False)
        # `convert_model` would fold normalisation into the convolutions, whose kernels would then
        # be no half-precision values; the runtime folds them after loading, in float32.
        converted = openvino.Core().read_model(saved)
        _name_outputs(converted)
        _store_halves(converted)
        openvino.save_model(converted, folder / OPENVINO_FILE, compress_to_fp16=False)


def to_half_values(weight: NDArray[Any]) -> NDArray[np.float32]:
    """Round to the nearest values that float16 holds, kept as float32."""
    with np.errstate(over="ignore"):
        half = weight.astype(np.float16)
    if not np.all(np.isfinite(half)):
        raise ValueError("a weight is beyond what a 16-bit float can hold (65,504) or not finite")
    return half.astype(np.float32)


def _store_halves(converted: Any) -> None:
    """Store in 16 bits each constant that loses nothing by it.

    OpenVINO's own compression rounds all constants, also the products of normalisation weights
    that float16 does not hold, which moves the logits by up to 0.01.
    """
    openvino = import_openvino()
    for constant in [op for op in converted.get_ops() if op.get_type_name() == "Constant"]:
        value = constant.get_data()
        if value.dtype != np.float32 or value.size < SMALL or not _is_half(value):
            continue
        users = list(constant.output(0).get_target_inputs())
        half = openvino.opset13.constant(value.astype(np.float16))
        whole = openvino.opset13.convert(half, "f32")
        for user in users:
            user.replace_source_output(whole.output(0))


def _is_half(value: NDArray[np.float32]) -> bool:
    with np.errstate(over="ignore"):
        return bool(np.array_equal(value.astype(np.float16).astype(np.float32), value))


def _deflate(archive: Path) -> None:
    """Pack a `.keras` file, which Keras stores unpacked: rounded weights shrink by two fifths."""
    packed = archive.with_suffix(".part")
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(packed, "w") as new:
        for member in old.namelist():
            new.writestr(
                zipfile.ZipInfo(member), old.read(member), zipfile.ZIP_DEFLATED, compresslevel=9
            )
    packed.replace(archive)


def _name_outputs(converted: Any) -> None:
    """Name outputs by shape, as people who open the file expect: the export's names are random."""
    shapes = [output.get_partial_shape() for output in converted.outputs]
    if len(shapes) == 1:
        names = ["lung"]
    else:
        widths = [shape[1].get_length() for shape in shapes if len(shape) == 2]
        flat = {min(widths): "logits", max(widths): "features"}
        names = [
            "activation" if len(shape) == 4 else flat[shape[1].get_length()] for shape in shapes
        ]
    for output, name in zip(converted.outputs, names, strict=True):
        output.get_tensor().set_names({name})
