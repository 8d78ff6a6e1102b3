"""An encapsulated DICOM frame: one compressed picture, decoded by the library of its syntax."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame
from pydicom.uid import UID

from ml.decode.jpeg import decode_grey
from ml.decode.jpeg2000 import read_stream_header
from ml.decode.jpeg_header import read_header
from ml.decode.rle import decode_rle
from ml.errors import FilmError

_JPEG = (uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit, uid.JPEGLossless, uid.JPEGLosslessSV1)
_JPEG_LS = (uid.JPEGLSLossless, uid.JPEGLSNearLossless)
_JPEG_2000 = (
    uid.JPEG2000Lossless,
    uid.JPEG2000,
    uid.HTJ2KLossless,
    uid.HTJ2KLosslessRPCL,
    uid.HTJ2K,
)
_LOSSY_DCT = (0xC0, 0xC1, 0xC2)

Samples = NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True)
class Coded:
    """What a compressed frame says of itself, which may not be what the data set says.

    Attributes:
        width: Columns.
        height: Rows.
        components: Samples a pixel.
        precision: Bits a sample.
        signed: Samples are signed.
        clipped: A lossy code whose values may overshoot the stored bits.
    """

    width: int
    height: int
    components: int
    precision: int
    signed: bool = False
    clipped: bool = False


def decode_frame(dataset: Dataset, syntax: UID) -> Samples:
    """Decode the first frame of encapsulated pixel data.

    Args:
        dataset: Rows, columns, samples and bits already checked against the limits.
        syntax: A compressed transfer syntax.

    Returns:
        (rows, columns) or (rows, columns, samples), of the data set's signedness.

    Raises:
        FilmError: `unsupported_transfer_syntax`, `truncated`, or `undecodable` when the frame
            is damaged or claims another geometry than the data set.
    """
    data = get_frame(dataset.PixelData, 0, number_of_frames=1)
    if syntax == uid.RLELossless:
        return _decode_rle(data, dataset)
    inspect, decoder = _codec(syntax)
    coded = inspect(data)
    _check_geometry(coded, dataset)
    samples = np.asarray(decoder(data))
    if samples.shape[:2] != (dataset.Rows, dataset.Columns):
        raise FilmError("undecodable", "The frame decodes to another geometry than it claims.")
    return _fit(samples, coded, dataset)


def _codec(syntax: UID) -> tuple[Callable[[bytes], Coded], Callable[[bytes], Any]]:
    if syntax in _JPEG:
        return _inspect_jpeg, _decode_jpeg
    if syntax in _JPEG_LS:
        return _inspect_jpeg_ls, imagecodecs.jpegls_decode
    if syntax in _JPEG_2000:
        # OpenJPEG also reads the high-throughput code; OpenJPH hides its errors in a wrong picture.
        return _inspect_jpeg_2000, imagecodecs.jpeg2k_decode
    raise FilmError(
        "unsupported_transfer_syntax",
        f"DICOM transfer syntax {_spelled(syntax)} is not read. Send the film as Explicit VR "
        "Little Endian, JPEG, JPEG-LS, JPEG 2000 or RLE.",
    )


def _spelled(syntax: UID) -> str:
    """The UID if it is one: a damaged element could hold anything."""
    return str(syntax) if UID(syntax).is_valid else "(malformed)"


def _inspect_jpeg(data: bytes) -> Coded:
    header = read_header(data)
    if not header.complete:
        raise FilmError("truncated", "The frame has no end marker: it was cut. Send it again.")
    return Coded(
        header.width,
        header.height,
        header.components,
        header.precision,
        clipped=header.frame_marker in _LOSSY_DCT,
    )


def _decode_jpeg(data: bytes) -> Any:
    header = read_header(data)
    if header.precision == 8 and header.frame_marker in _LOSSY_DCT:
        return decode_grey(data, header)
    return imagecodecs.jpeg8_decode(data)


def _inspect_jpeg_ls(data: bytes) -> Coded:
    header = read_header(data, jpeg_ls=True)
    if not header.complete:
        raise FilmError("truncated", "The frame has no end marker: it was cut. Send it again.")
    return Coded(header.width, header.height, header.components, header.precision)


def _inspect_jpeg_2000(data: bytes) -> Coded:
    header = read_stream_header(data)
    if not header.complete:
        raise FilmError("truncated", "The frame's code stream was cut. Send it again.")
    return Coded(
        header.width, header.height, header.components, header.precision, signed=header.signed
    )


def _check_geometry(coded: Coded, dataset: Dataset) -> None:
    """The limits were checked on the data set's word; the decoder goes by the frame's."""
    if (coded.width, coded.height) != (dataset.Columns, dataset.Rows):
        raise FilmError(
            "undecodable",
            f"The frame is {coded.width} x {coded.height} pixels, the data set says "
            f"{dataset.Columns} x {dataset.Rows}.",
        )
    if coded.components not in (1, 3) or not 1 <= coded.precision <= 16:
        raise FilmError(
            "undecodable",
            f"The frame has {coded.components} components of {coded.precision} bits; 1 or 3 of "
            "at most 16 are read.",
        )


def _decode_rle(data: bytes, dataset: Dataset) -> Samples:
    rows, columns, samples = dataset.Rows, dataset.Columns, int(dataset.SamplesPerPixel)
    pixels = decode_rle(data, rows, columns, samples, int(dataset.BitsAllocated))
    return signed_as(pixels, int(dataset.BitsStored), bool(dataset.PixelRepresentation))


def _fit(samples: Samples, coded: Coded, dataset: Dataset) -> Samples:
    """Give samples the signedness of the data set and keep lossy ones in their range."""
    signed, stored = bool(dataset.PixelRepresentation), int(dataset.BitsStored)
    if coded.signed != signed:
        return signed_as(samples, min(coded.precision, stored), signed)
    if coded.clipped:
        return np.minimum(samples, (1 << stored) - 1, dtype=samples.dtype)
    return samples


def signed_as(samples: Samples, bits: int, signed: bool) -> Samples:
    """Read the low bits of each sample as a number, with or without sign.

    Codes without a sign (JPEG, JPEG-LS) carry signed samples as their bit pattern.

    Args:
        samples: 8 or 16 bits wide, any signedness.
        bits: How many low bits count.
        signed: The highest of them is a sign.
    """
    width = samples.dtype.itemsize * 8
    kind = f"{'i' if signed else 'u'}{width // 8}"
    spare = max(0, width - bits)
    shifted = np.left_shift(samples.view(kind), spare)
    fitted: Samples = np.right_shift(shifted, spare, out=shifted)
    return fitted
