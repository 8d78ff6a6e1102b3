from pathlib import Path

import keras
import numpy as np
import pytest

from ml.export import export_model, to_half_values
from ml.networks.chexnet import chexnet
from ml.networks.head import trained_part
from ml.networks.unet import unet
from ml.runtimes.untracked import import_openvino

# Keras saves its variables through an interface that NumPy is about to drop.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def outputs_by_rank(model: Path, films: np.ndarray) -> dict[int, np.ndarray]:
    compiled = import_openvino().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return {len(value.shape): value for value in compiled(films).values()}


def disturbed_unet() -> keras.Model:
    """Give a U-Net whose normalisation weights are not those it started with."""
    keras.utils.set_random_seed(5)
    model = unet(32, base=2, depth=2)
    rng = np.random.default_rng(5)
    model.set_weights([w + 0.1 * rng.random(w.shape) for w in model.get_weights()])
    return model


def test_keras_file_and_openvino_file_agree(tmp_path: Path) -> None:
    export_model(disturbed_unet(), tmp_path)
    films = np.random.default_rng(6).random((3, 32, 32, 1), dtype=np.float32)
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    expected = np.asarray(loaded.predict_on_batch(films))
    np.testing.assert_allclose(
        outputs_by_rank(tmp_path / "model.xml", films)[4], expected, atol=1e-5
    )


def test_exported_weights_are_half_precision_values(tmp_path: Path) -> None:
    export_model(disturbed_unet(), tmp_path)
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    for weight in loaded.get_weights():
        assert np.array_equal(weight, weight.astype(np.float16).astype(np.float32))


def test_weights_beyond_half_precision_are_refused() -> None:
    with pytest.raises(ValueError, match="beyond what a 16-bit float can hold"):
        to_half_values(np.array([70000.0], dtype=np.float32))


def test_unet_of_eight_filters_costs_less_than_one_gmac() -> None:
    macs = 0
    for layer in unet(256, base=8).layers:
        if isinstance(layer, keras.layers.Conv2DTranspose):
            # Each pixel of the input is multiplied by the whole kernel.
            macs += int(np.prod(layer.input.shape[1:3])) * int(np.prod(layer.kernel.shape))
        elif isinstance(layer, keras.layers.Conv2D):
            macs += int(np.prod(layer.output.shape[1:3])) * int(np.prod(layer.kernel.shape))
    assert 0.5e9 < macs < 1e9


@pytest.mark.slow
def test_activation_maps_average_to_the_logits() -> None:
    model = chexnet(3, 64)
    films = np.random.default_rng(0).random((2, 64, 64, 1), dtype=np.float32)
    made = model(films, training=False)
    logits, activation = np.asarray(made["logits"]), np.asarray(made["activation"])
    assert logits.shape == (2, 3)
    assert activation.shape == (2, 2, 2, 3)
    np.testing.assert_allclose(activation.mean(axis=(1, 2)), logits, atol=1e-4)
    np.testing.assert_allclose(np.asarray(trained_part(model)(films)), logits, atol=1e-4)
