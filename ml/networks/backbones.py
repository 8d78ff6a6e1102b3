"""Classifiers on trunks by name: those of Keras Applications, and a small one.

Without weights a trunk sees the one grey channel. Weights from a file were trained on three, so
the grey channel is then shown three times, scaled as that trunk was trained.
"""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
from keras import layers

from ml.networks.head import with_head

Shape = tuple[int, int, int]
_GREY = (4.0, -2.0)
_SPREADS: Mapping[str, tuple[Any, Any]] = {
    # Each as (scale, offset) on 0..1, by channel: what Keras Applications calls these modes.
    "tf": (2.0, -1.0),
    "torch": (
        (1 / 0.229, 1 / 0.224, 1 / 0.225),
        (-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225),
    ),
    "caffe": (255.0, (-103.939, -116.779, -123.68)),
}


@dataclass(frozen=True, slots=True)
class Backbone:
    """A trunk.

    Attributes:
        build: Builds it for inputs of a shape, without a top and without weights.
        spread: How its published weights want grey values scaled, see `_SPREADS`.
        least: Smallest side of the input, pixels.
    """

    build: Callable[[Shape], keras.Model]
    spread: str = "tf"
    least: int = 32


MOMENTUM = 0.99
"""Of normalisation's running statistics, in all backbones. MobileNetV2 comes with 0.999: after the
few hundred steps of a small data set half of its start is still in them, and it guesses."""


def _small_cnn(shape: Shape) -> keras.Model:
    """Four convolutions of 16 to 128 filters, each halving the picture."""
    film = x = keras.Input(shape)
    for filters in (16, 32, 64, 128):
        x = layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    return keras.Model(film, x)


def _application(name: str) -> Callable[[Shape], keras.Model]:
    def build(shape: Shape) -> keras.Model:
        trunk = getattr(keras.applications, name)(
            include_top=False, weights=None, input_shape=shape
        )
        for layer in trunk.layers:
            if isinstance(layer, layers.BatchNormalization):
                layer.momentum = MOMENTUM
        return trunk

    return build


BACKBONES: Mapping[str, Backbone] = {
    "small_cnn": Backbone(_small_cnn),
    "vgg16": Backbone(_application("VGG16"), "caffe"),
    "mobilenetv2": Backbone(_application("MobileNetV2")),
    "inceptionv3": Backbone(_application("InceptionV3"), least=75),
    "resnet50": Backbone(_application("ResNet50"), "caffe"),
    "densenet121": Backbone(_application("DenseNet121"), "torch"),
    "densenet169": Backbone(_application("DenseNet169"), "torch"),
}
"""By name; `densenet121` is the trunk of CheXNet."""


def backbone_classifier(
    name: str, labels: int, size: int, weights: Path | None = None
) -> keras.Model:
    """Build a classifier.

    Args:
        name: One of `BACKBONES`.
        labels: Number of labels.
        size: Side of the square input, pixels.
        weights: File with the trunk's weights, without its top, for three channels; None starts
            from random ones.

    Returns:
        A model from (n, size, size, 1) grey in 0..1 to the outputs of `ml.networks.head`.

    Raises:
        ValueError: Unknown name, an input that is too small, or weights of other shapes.
    """
    chosen = known_backbone(name, size)
    film = keras.Input((size, size, 1), name="film")
    if weights is None:
        scale, offset = _GREY
        trunk = chosen.build((size, size, 1))
        spread = layers.Rescaling(scale, offset=offset)(film)
    else:
        trunk = chosen.build((size, size, 3))
        _load(trunk, name, weights)
        scales, offsets = _SPREADS[chosen.spread]
        three = layers.Concatenate()([film, film, film])
        spread = layers.Rescaling(scales, offset=offsets)(three)
    # The trunk stays a model of its own: names of its layers may be those of the head.
    return with_head(film, trunk(spread), labels, name)


def known_backbone(name: str, size: int) -> Backbone:
    """Give a backbone that takes inputs of this size.

    Raises:
        ValueError: There is none of this name, or it does not.
    """
    if name not in BACKBONES:
        raise ValueError(f"there is no backbone '{name}'; there are {', '.join(BACKBONES)}")
    if size < BACKBONES[name].least:
        raise ValueError(
            f"{name} takes inputs of {BACKBONES[name].least} pixels or more, not of {size}"
        )
    return BACKBONES[name]


def _load(trunk: keras.Model, name: str, weights: Path) -> None:
    if not weights.is_file():
        raise ValueError(f"{weights} is not there; --weights must name a file of weights")
    try:
        with warnings.catch_warnings():
            # Keras only warns of layers that the file leaves at their random start.
            warnings.simplefilter("error")
            trunk.load_weights(weights)
    except Exception as error:
        # Keras raises whatever the file's reader does.
        said = " ".join(str(error).split())[:160]
        raise ValueError(
            f"{weights} does not hold the weights of {name} without its top, for three channels "
            f"({len(trunk.weights)} arrays): {said}; give another file or another --backbone"
        ) from None
