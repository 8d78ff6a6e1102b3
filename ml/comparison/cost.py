"""What a network costs: weights, multiplications, time."""

import math
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import keras
import numpy as np
from keras import layers

from ml.export import OPENVINO_FILE, export_model
from ml.networks.backbones import backbone_classifier
from ml.networks.head import trained_part
from ml.runtimes.base import Batch
from ml.runtimes.openvino import open_network

ROUNDS, FILMS = 5, 24


def parameters(model: keras.Model) -> int:
    """Count a model's weights, those of normalisation among them."""
    return int(model.count_params())


def multiply_adds(model: keras.Model) -> int:
    """Count the multiply-accumulate operations of convolutions and dense layers for one film.

    All other layers together cost little beside them and are not counted, as is usual.
    """
    return sum(_of_layer(layer) for layer in _flat(model))


def _flat(model: keras.Model) -> Iterator[keras.layers.Layer]:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _flat(layer)
        else:
            yield layer


def _of_layer(layer: keras.layers.Layer) -> int:
    if isinstance(layer, layers.Dense):
        return int(math.prod(layer.kernel.shape))
    if isinstance(layer, layers.Conv2D | layers.DepthwiseConv2D):
        # Each place of the output takes one pass over the kernel.
        return int(math.prod(layer.output.shape[1:-1]) * math.prod(layer.kernel.shape))
    return 0


def films_per_second(models: Mapping[str, keras.Model], size: int) -> dict[str, float]:
    """Time models side by side, as workers run them: OpenVINO, float32, one thread, film by film.

    All take turns, so that whatever else the machine does meets them alike; the median counts.

    Args:
        models: By name; their weights are rounded to half precision.
        size: Side of the input, pixels.
    """
    film = np.random.default_rng(0).random((size, size, 1), np.float32)
    with tempfile.TemporaryDirectory() as folder:
        networks = {}
        for name, model in models.items():
            export_model(model, Path(folder) / name)
            networks[name] = open_network(Path(folder) / name / OPENVINO_FILE, size)
        seconds: dict[str, list[float]] = {name: [] for name in networks}
        for _ in range(ROUNDS):
            for name, network in networks.items():
                seconds[name].append(_seconds(network, film))
    return {name: FILMS / float(np.median(taken)) for name, taken in seconds.items()}


def _seconds(network: Callable[[Batch], object], film: Batch) -> float:
    network(film)
    begun = time.perf_counter()
    for _ in range(FILMS):
        network(film)
    return time.perf_counter() - begun


def costs_of(backbones: tuple[str, ...], labels: int, size: int) -> dict[str, dict[str, float]]:
    """Give `parameters`, `macs` and `films_per_second` of each backbone with its head."""
    models = {name: backbone_classifier(name, labels, size) for name in backbones}
    counted = {name: trained_part(model) for name, model in models.items()}
    speeds = films_per_second(models, size)
    return {
        name: {
            "parameters": parameters(model),
            "macs": multiply_adds(model),
            "films_per_second": speeds[name],
        }
        for name, model in counted.items()
    }
