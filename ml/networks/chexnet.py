"""CheXNet (Rajpurkar et al., 2017): DenseNet121, global average pooling, one dense layer."""

import keras
from keras import layers


def chexnet(labels: int, size: int | None = None) -> keras.Model:
    """Build the classifier with its class activation map and its features as further outputs.

    The same dense layer is applied to the pooled features and, as a 1x1 convolution, to the
    features at every place; the mean of an activation map is therefore that label's logit.

    Args:
        labels: Number of labels.
        size: Side of the square input, pixels; None leaves it open, for training at several.

    Returns:
        A model from (n, size, size, 1) grey in 0..1 to `logits` (n, labels), `features`
        (n, 1024), which the gate judges by, and `activation` (n, h, w, labels), h and w a 32nd
        of the input's side.
    """
    film = keras.Input((size, size, 1), name="film")
    x = layers.Rescaling(4.0, offset=-2.0)(film)
    trunk = keras.applications.DenseNet121(
        include_top=False, weights=None, input_tensor=x, input_shape=(size, size, 1)
    )
    features = trunk.output
    dense = layers.Dense(labels, dtype="float32", name="dense")
    pooled = layers.GlobalAveragePooling2D(dtype="float32", name="pooled")(features)
    logits = layers.Identity(dtype="float32", name="logits")(dense(pooled))
    pooled = layers.Identity(dtype="float32", name="features")(pooled)
    activation = layers.Identity(dtype="float32", name="activation")(dense(features))
    return keras.Model(
        film, {"logits": logits, "features": pooled, "activation": activation}, name="chexnet"
    )


def trained_part(model: keras.Model) -> keras.Model:
    """Give the part of `chexnet` that training sees: film to logits, sharing its weights."""
    return keras.Model(model.input, model.get_layer("logits").output, name="chexnet_logits")
