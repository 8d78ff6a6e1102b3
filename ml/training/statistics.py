"""Running statistics of normalisation, taken anew for weights that were averaged.

Statistics that were averaged beside the weights belong to no weights at all; after short trainings
a network with them guesses. So the means over training films are taken once more with the averaged
weights in place (Izmailov et al., UAI 2018, section 3.2).
"""

from collections.abc import Iterable

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray


def settle_statistics(model: keras.Model, batches: Iterable[NDArray[np.float32]]) -> None:
    """Set moving means and variances to their means over batches; weights stay as they are.

    Args:
        model: Any; without normalisation nothing happens.
        batches: Inputs of the model, such as the films it was trained on.
    """
    found = list(_normalisations(model))
    usual = [layer.momentum for layer in found]
    if not found:
        return
    for number, films in enumerate(batches):
        for layer in found:
            layer.momentum = number / (number + 1)  # so that each batch counts the same
        model(films, training=True)
    for layer, momentum in zip(found, usual, strict=True):
        layer.momentum = momentum


def _normalisations(model: keras.Model) -> Iterable[layers.BatchNormalization]:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _normalisations(layer)
        elif isinstance(layer, layers.BatchNormalization):
            yield layer
