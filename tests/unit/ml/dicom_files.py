"""DICOM files of every transfer syntax, made from one of the plain ones."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

import imagecodecs
import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom import uid
from pydicom.encaps import encapsulate

from tests.factories import films

ENCODERS: dict[str, Callable[[NDArray[Any]], bytes]] = {
    uid.JPEGLossless: lambda p: _jpeg_lossless(p),
    uid.JPEGLosslessSV1: lambda p: _jpeg_lossless(p),
    uid.JPEGLSLossless: lambda p: imagecodecs.jpegls_encode(p),
    uid.JPEGLSNearLossless: lambda p: imagecodecs.jpegls_encode(p),
    uid.JPEG2000Lossless: lambda p: imagecodecs.jpeg2k_encode(
        p, level=0, codecformat="j2k", reversible=True
    ),
    uid.HTJ2KLossless: lambda p: imagecodecs.htj2k_encode(p, level=0),
    uid.RLELossless: lambda p: _rle(p),
}
"""Lossless encoders by transfer syntax."""


def _jpeg_lossless(pixels: NDArray[Any]) -> bytes:
    bits = 8 * pixels.itemsize
    return bytes(imagecodecs.jpeg8_encode(pixels, lossless=True, bitspersample=bits))


def _rle(pixels: NDArray[Any]) -> bytes:
    """One segment for each byte of each sample, each padded to an even length."""
    samples = pixels.reshape(*pixels.shape[:2], -1)
    planes = [
        np.ascontiguousarray(samples[..., sample]).view(np.uint8)[:, byte :: pixels.itemsize]
        for sample in range(samples.shape[2])
        for byte in reversed(range(pixels.itemsize))
    ]
    segments = [imagecodecs.packbits_encode(plane.tobytes()) for plane in planes]
    segments = [segment + bytes(len(segment) % 2) for segment in segments]
    offsets = np.cumsum([64, *(len(segment) for segment in segments)])[:-1]
    header = np.zeros(16, "<u4")
    header[0], header[1 : 1 + len(segments)] = len(segments), offsets
    return header.tobytes() + b"".join(segments)


def remade(data: bytes, syntax: str | None = None, **elements: Any) -> bytes:
    """Write a DICOM file again with other elements or pixel data or under another syntax."""
    dataset = pydicom.dcmread(BytesIO(data))
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    if syntax is not None:
        dataset.file_meta.TransferSyntaxUID = syntax
        if uid.UID(syntax).is_encapsulated:
            dataset["PixelData"].VR = "OB"
            dataset["PixelData"].is_undefined_length = True
    stream = BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def compressed(pixels: NDArray[Any], syntax: str, **elements: Any) -> bytes:
    """A film of these pixels, compressed without loss."""
    plain = plain_film(pixels, **elements)
    return remade(plain, syntax, PixelData=encapsulate([ENCODERS[syntax](pixels)]))


def plain_film(pixels: NDArray[Any], **elements: Any) -> bytes:
    """A film of these stored values, uncompressed, without a window unless one is given."""
    bits = pixels.itemsize * 8
    described = {
        "Rows": pixels.shape[0],
        "Columns": pixels.shape[1],
        "BitsAllocated": bits,
        "BitsStored": bits,
        "HighBit": bits - 1,
        "PixelRepresentation": int(pixels.dtype.kind == "i"),
        "PixelData": pixels.tobytes() + bytes(pixels.nbytes % 2),
        "WindowCenter": None,
        "WindowWidth": None,
    }
    if pixels.ndim == 3:
        described |= {
            "SamplesPerPixel": 3,
            "PlanarConfiguration": 0,
            "PhotometricInterpretation": "RGB",
        }
    return films.dicom(bits=bits, **(described | elements))


def counts(bits: int = 12, kind: str = "u", height: int = 40, width: int = 56) -> NDArray[Any]:
    """Noise over the whole range of `bits` bits."""
    top = 1 << bits
    values = np.random.default_rng(bits).integers(0, top, (height, width))
    return (values - (top // 2 if kind == "i" else 0)).astype(f"{kind}{1 if bits <= 8 else 2}")
