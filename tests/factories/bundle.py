"""A tiny bundle that is real in every part: Keras models, their OpenVINO exports, checksums.

Its segmenter calls dark areas lung, so that `tests/factories/films.py` films have two; its
classifier's weights come from a seed. Building it takes TensorFlow about ten seconds, so it is
built once a checkout, in a process of its own that keeps TensorFlow out of the tests', and copied
from there.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ml.bundle import Bundle, Label, write_manifest
from ml.preprocess import Preprocessing
from ml.runtimes.untracked import import_openvino
from tests.fixtures.parts import REPOSITORY

LABELS = (
    Label(name="normal", display="Normal", snomed_ct="17621005"),
    Label(name="bacterial_pneumonia", display="Bacterial pneumonia", snomed_ct="53084003"),
    Label(name="viral_pneumonia", display="Viral pneumonia", snomed_ct="75570004"),
)
PREPROCESSING = Preprocessing(segmenter_size=256, classifier_size=64)


def tiny_bundle(path: Path, **described: Any) -> Bundle:
    """Put the tiny bundle into a folder, which is made.

    Args:
        path: The folder.
        described: Attributes of the manifest to differ in, `version` say.
    """
    shutil.copytree(_cached_models(), path, dirs_exist_ok=True)
    return write_manifest(
        path,
        **{
            "name": "tiny",
            "version": "1",
            "labels": LABELS,
            "thresholds": {label.name: 0.5 for label in LABELS},
            "temperature": 1.5,
            "preprocessing": PREPROCESSING,
            "licence": "Apache-2.0",
        }
        | described,
    )


def _cached_models() -> Path:
    """Folder of the models; its name changes with this file and with what builds them."""
    parts = [Path(__file__).read_text(), *(version(name) for name in ("keras", "openvino"))]
    key = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    cached = REPOSITORY / ".pytest_cache" / f"tiny-bundle-{key}"
    if not cached.is_dir():
        cached.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cached.parent) as folder:
            built = Path(folder) / "models"
            command = [sys.executable, "-m", "tests.factories.bundle", str(built)]
            done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr[-2000:]
            try:
                os.rename(built, cached)
            except OSError:
                assert cached.is_dir(), "another process may have been first, and only that"
    return cached


def _build(folder: Path) -> None:
    import keras

    keras.utils.set_random_seed(20)
    (folder / "openvino").mkdir(parents=True)
    (folder / "MODEL_CARD.md").write_text("# tiny\nRandom weights, for tests only.\n")
    for name, model in (("segmenter", _segmenter()), ("classifier", _classifier())):
        model.save(folder / f"{name}.keras")
        _export(model, folder / "openvino" / f"{name}.xml")


def _segmenter() -> Any:
    """Blur, then a steep sigmoid: what is darker than middle grey is lung."""
    import keras
    from keras import layers

    film = keras.Input((PREPROCESSING.segmenter_size, PREPROCESSING.segmenter_size, 1), name="film")
    blurred = layers.AveragePooling2D(9, strides=1, padding="same")(film)
    sharp = layers.Conv2D(1, 1, activation="sigmoid", name="lung")
    model = keras.Model(film, sharp(blurred))
    kernel, bias = sharp.get_weights()
    sharp.set_weights([kernel * 0 - 20.0, bias * 0 + 10.0])
    return model


def _classifier() -> Any:
    """Two strided convolutions, then the head of CheXNet with its three outputs."""
    import keras
    from keras import layers

    film = keras.Input((PREPROCESSING.classifier_size, PREPROCESSING.classifier_size, 1), name="f")
    x = layers.Conv2D(8, 5, strides=4, padding="same", activation="relu")(film)
    x = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu")(x)
    spread = keras.initializers.RandomNormal(stddev=4.0, seed=20)
    dense = layers.Dense(len(LABELS), kernel_initializer=spread)
    pooled = layers.GlobalAveragePooling2D()(x)
    logits = layers.Identity(name="logits")(dense(pooled))
    features = layers.Identity(name="features")(pooled)
    activation = layers.Identity(name="activation")(dense(x))
    return keras.Model(film, {"logits": logits, "features": features, "activation": activation})


def _export(model: Any, file: Path) -> None:
    openvino = import_openvino()
    with tempfile.TemporaryDirectory() as saved:
        model.export(saved, format="tf_saved_model", verbose=False)
        openvino.save_model(openvino.convert_model(saved), file, compress_to_fp16=False)


if __name__ == "__main__":
    _build(Path(sys.argv[1]))
