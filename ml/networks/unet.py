"""The U-Net that finds the lungs (Ronneberger et al., MICCAI 2015), small enough for a CPU."""

from typing import Any

import keras
from keras import layers


def unet(size: int = 256, base: int = 8, depth: int = 4) -> keras.Model:
    """Build the segmenter: 0.76 GMAC at 256x256 with 8 base filters.

    Args:
        size: Side of the square input, pixels; divisible by 2 ** depth.
        base: Filters at full resolution, doubled at each of the levels below.
        depth: Times the resolution is halved.

    Returns:
        A model from (n, size, size, 1) grey in 0..1 to (n, size, size, 1) lung probability.
    """
    film = keras.Input((size, size, 1), name="film")
    x = layers.Rescaling(2.0, offset=-1.0)(film)
    skips = []
    for level in range(depth):
        x = _double_convolution(x, base * 2**level)
        skips.append(x)
        x = layers.MaxPooling2D()(x)
    x = _double_convolution(x, base * 2**depth)
    for level in reversed(range(depth)):
        x = layers.Conv2DTranspose(base * 2**level, 2, strides=2)(x)
        x = layers.Concatenate()([skips[level], x])
        x = _double_convolution(x, base * 2**level)
    lung = layers.Conv2D(1, 1, activation="sigmoid", dtype="float32", name="lung")(x)
    return keras.Model(film, lung, name="unet")


def _double_convolution(x: Any, filters: int) -> Any:
    for _ in range(2):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization(momentum=0.97)(x)
        x = layers.ReLU()(x)
    return x
