"""CheXNet (Rajpurkar et al., 2017): DenseNet121, global average pooling, one dense layer."""

import keras
from keras import layers

from ml.networks.head import with_head


def chexnet(labels: int, size: int | None = None) -> keras.Model:
    """Build the classifier, with the outputs that `with_head` describes.

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
    return with_head(film, trunk.output, labels, "chexnet")
