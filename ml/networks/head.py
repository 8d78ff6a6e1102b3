"""The head that all classifiers share: global average pooling and one dense layer."""

from typing import Any

import keras
from keras import layers


def with_head(film: Any, features: Any, labels: int, name: str) -> keras.Model:
    """Put the head on a trunk, with the class activation map and the features as further outputs.

    The same dense layer is applied to the pooled features and, as a 1x1 convolution, to the
    features at every place; the mean of an activation map is therefore that label's logit.

    Args:
        film: The input, (n, size, size, 1).
        features: The trunk's output, (n, h, w, f).
        labels: Number of labels.
        name: Of the model.

    Returns:
        A model from films to `logits` (n, labels), `features` (n, f) and `activation`
        (n, h, w, labels).
    """
    dense = layers.Dense(labels, dtype="float32", name="dense")
    pooled = layers.GlobalAveragePooling2D(dtype="float32", name="pooled")(features)
    logits = layers.Identity(dtype="float32", name="logits")(dense(pooled))
    pooled = layers.Identity(dtype="float32", name="features")(pooled)
    activation = layers.Identity(dtype="float32", name="activation")(dense(features))
    outputs = {"logits": logits, "features": pooled, "activation": activation}
    return keras.Model(film, outputs, name=name)


def trained_part(model: keras.Model) -> keras.Model:
    """Give the part of a classifier that training sees: film to logits, sharing its weights."""
    return keras.Model(model.input, model.get_layer("logits").output, name=f"{model.name}_logits")
