"""DICOM: the header's promises checked, the frame decoded, the grey scale as the file asks."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID

from ml.decode.dataset import read_dataset
from ml.decode.film import DecodeLimits, Film
from ml.decode.frame import Samples, decode_frame
from ml.decode.grey import to_grey
from ml.decode.quiet import quiet, silence_logs
from ml.errors import FilmError

_GREY = ("MONOCHROME1", "MONOCHROME2")
_LUMA_FIRST = ("YBR_FULL", "YBR_FULL_422")
_COLOUR = ("RGB", "YBR_ICT", "YBR_RCT", *_LUMA_FIRST)

silence_logs()


def decode_dicom(data: bytes, limits: DecodeLimits) -> Film:
    """Decode a DICOM file of one frame.

    Raises:
        FilmError: As `ml.decode.decode`.
    """
    with quiet():
        dataset, syntax = read_dataset(data, limits)
        _check_header(dataset, limits)
        if syntax.is_private or not syntax.is_transfer_syntax or syntax.is_encapsulated:
            samples = decode_frame(dataset, syntax)
        else:
            samples = _decode_native(dataset, syntax)
        pixels = _luma(samples, dataset) if samples.ndim == 3 else to_grey(samples, dataset)
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        pixels = cv2.bitwise_not(pixels)
    return Film(np.ascontiguousarray(pixels, np.uint8), format="dicom", native8=False)


def _check_header(dataset: Dataset, limits: DecodeLimits) -> None:
    """Check what the header promises and fill in what old files leave out."""
    if "PixelData" not in dataset or not dataset.PixelData:
        raise FilmError("no_pixels", "The DICOM file holds no pixel data (or ends before them).")
    rows, columns = _number(dataset, "Rows", 0), _number(dataset, "Columns", 0)
    limits.check_shape(columns, rows)
    frames = max(1, _number(dataset, "NumberOfFrames", 1))
    if frames > limits.max_frames:
        raise FilmError("too_many_frames", f"The file has {frames:,} frames; a film has one.")
    dataset.NumberOfFrames = 1
    _check_colour(dataset)
    _check_bits(dataset)


def _check_colour(dataset: Dataset) -> None:
    samples = _number(dataset, "SamplesPerPixel", 1)
    name = str(dataset.get("PhotometricInterpretation") or "MONOCHROME2").strip().upper()
    if (samples, name in _GREY) != (1, True) and (samples, name in _COLOUR) != (3, True):
        spelled = name if name in (*_GREY, *_COLOUR, "PALETTE COLOR") else "this colour model"
        raise FilmError(
            "unsupported_photometric",
            f"Pixels of {samples} samples as {spelled} are not read; send grey or RGB.",
        )
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = samples, name
    dataset.PlanarConfiguration = min(1, max(0, _number(dataset, "PlanarConfiguration", 0)))


def _check_bits(dataset: Dataset) -> None:
    allocated = _number(dataset, "BitsAllocated", 0)
    stored = _number(dataset, "BitsStored", allocated) or allocated
    if allocated not in (8, 16) or not 1 <= stored <= allocated:
        raise FilmError(
            "undecodable", f"{stored} of {allocated} bits a sample are not read; 8 or 16 are."
        )
    if dataset.SamplesPerPixel == 3 and allocated != 8:
        raise FilmError("unsupported_photometric", "Colour of more than 8 bits is not read.")
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = allocated, stored, stored - 1
    dataset.PixelRepresentation = min(1, max(0, _number(dataset, "PixelRepresentation", 0)))


def _number(dataset: Dataset, keyword: str, default: int) -> int:
    """A whole number out of an element, which may be missing, empty, text or several."""
    value: Any = dataset.get(keyword)
    if isinstance(value, list | tuple) or (hasattr(value, "__getitem__") and len(value) > 0):
        value = value if isinstance(value, str) else value[0]
    if value is None or value == "":
        return default
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        raise FilmError("undecodable", f"The element {keyword} holds no whole number.") from None


def _decode_native(dataset: Dataset, syntax: UID) -> Samples:
    bits = dataset.Rows * dataset.Columns * dataset.SamplesPerPixel * dataset.BitsAllocated
    if dataset.PhotometricInterpretation == "YBR_FULL_422":
        bits = bits * 2 // 3
    if len(dataset.PixelData) * 8 < bits:
        raise FilmError(
            "truncated",
            f"The file holds {len(dataset.PixelData):,} of {bits // 8:,} bytes of pixel data.",
        )
    samples, _ = get_decoder(syntax).as_array(dataset, index=0, raw=True, validate=False)
    return np.asarray(samples)


def _luma(samples: NDArray[Any], dataset: Dataset) -> NDArray[np.uint8]:
    """Reduce colour of 8 bits to luma (ITU-R BT.601, as JPEG defines it)."""
    name = dataset.PhotometricInterpretation
    if name in _LUMA_FIRST:
        return np.asarray(samples[..., 0], np.uint8)
    grey = cv2.cvtColor(np.ascontiguousarray(samples, np.uint8), cv2.COLOR_RGB2GRAY)
    return np.asarray(grey, np.uint8)
