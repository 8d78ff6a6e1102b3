"""The grey scale of a DICOM film: modality LUT, VOI window or LUT, then 8 bits."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_modality_lut, apply_windowing

from ml.decode.frame import Samples
from ml.decode.levels import look_up, ramp

_FAR = 1e12
"""Further out than any window: shows what a window maps everything below and above to."""


def to_grey(samples: Samples, dataset: Dataset) -> NDArray[np.uint8]:
    """Map stored values to 8 bits as the data set asks.

    The transforms of DICOM work on each value alone, so they are applied to the list of values
    that occur (65,536 at most) instead of to the pixels: the same result, a hundred times
    cheaper on a large film.

    With no usable window or LUT, 8 stored bits are taken as they are and more are stretched from
    the lowest to the highest value present, pixel padding left out.

    Args:
        samples: (rows, columns), 8 or 16 bits, signed or not.
        dataset: The modality and VOI elements, and the bits stored.
    """
    low, high = int(samples.min()), int(samples.max())
    values = np.arange(low, high + 1, dtype=np.int32)
    modality = _modality(values, dataset)
    table = _windowed(modality, dataset)
    if table is None or table.min() == table.max():
        table = _stretched(modality, samples, dataset)
    return look_up(samples, low, table)


def _modality(values: NDArray[np.int32], dataset: Dataset) -> NDArray[Any]:
    try:
        rescaled = np.asarray(apply_modality_lut(values, dataset))
    except Exception:  # a malformed LUT leaves the stored values, which still make a picture
        return values
    return rescaled if np.isfinite(rescaled).all() else values


def _windowed(values: NDArray[Any], dataset: Dataset) -> NDArray[np.uint8] | None:
    """The table that the VOI LUT or else the window gives; None where neither is usable."""
    try:
        if dataset.get("VOILUTSequence"):
            return _looked_up(values, dataset.VOILUTSequence[0])
        if dataset.get("WindowWidth") is None or dataset.get("WindowCenter") is None:
            return None
        with np.errstate(over="ignore"):
            ends = apply_windowing(np.array([-_FAR, _FAR]), dataset)
            windowed = apply_windowing(values, dataset)
    except Exception:  # a malformed window is no reason to refuse the film
        return None
    return ramp(windowed, ends[0], ends[1]) if np.isfinite(windowed).all() else None


def _looked_up(values: NDArray[Any], item: Dataset) -> NDArray[np.uint8]:
    """Apply a VOI LUT (PS3.3, C.11.2.1.1); pydicom's own overflows where 8-bit LUTs are long."""
    entries, first, bits = (int(number) for number in item.LUTDescriptor)
    data = item.LUTData
    if isinstance(data, bytes):
        data = np.frombuffer(data, "<u2" if len(data) >= 2 * (entries or 1 << 16) else "u1")
    lut = np.asarray(data, np.int64)[: entries or 1 << 16]
    index = np.clip(np.rint(values).astype(np.int64) - first, 0, lut.size - 1)
    return ramp(lut[index], 0, (1 << bits) - 1)


def _stretched(modality: NDArray[Any], samples: Samples, dataset: Dataset) -> NDArray[np.uint8]:
    if dataset.BitsStored <= 8 and modality.dtype.kind in "iu" and modality.min() >= 0:
        return ramp(modality, 0, (1 << int(dataset.BitsStored)) - 1)
    padding = dataset.get("PixelPaddingValue")
    present = modality
    if isinstance(padding, int) and modality.size > 1:
        low = int(samples.min())
        kept = np.unique(samples[samples != padding])
        present = modality[kept.astype(np.int64) - low] if kept.size else modality
    return ramp(modality, float(present.min()), float(present.max()))
