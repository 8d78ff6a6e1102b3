"""A DICOM file as a data set: only the elements that make the picture are read."""

import zlib
from io import BytesIO

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from ml.decode.film import DecodeLimits
from ml.decode.sniff import DICOM_PREAMBLE, has_preamble
from ml.errors import FilmError

_PICTURE_ELEMENTS = [
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelPaddingValue",
    "RescaleIntercept",
    "RescaleSlope",
    "RescaleType",
    "ModalityLUTSequence",
    "WindowCenter",
    "WindowWidth",
    "VOILUTFunction",
    "VOILUTSequence",
    "ExtendedOffsetTable",
    "ExtendedOffsetTableLengths",
    "PixelData",
]
"""Nothing else enters this process's memory as a value: no name, no birth date."""


def read_dataset(data: bytes, limits: DecodeLimits) -> tuple[Dataset, UID]:
    """Parse the picture's elements of a DICOM file.

    Args:
        data: The file; the preamble may be missing.
        limits: Holds the budget of a deflated data set.

    Returns:
        The data set, its pixel data still encoded, and the transfer syntax of those.

    Raises:
        FilmError: `too_large` or `truncated` for a deflated data set.
    """
    syntax = _transfer_syntax(data)
    if syntax == DeflatedExplicitVRLittleEndian:
        data, syntax = _inflated(data, limits.max_inflated_bytes), ExplicitVRLittleEndian
    dataset = pydicom.dcmread(BytesIO(data), force=True, specific_tags=list(_PICTURE_ELEMENTS))
    if syntax is None:
        implicit = dataset.original_encoding[0] is not False
        syntax = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    return dataset, syntax


def _transfer_syntax(data: bytes) -> UID | None:
    value = _meta_end_and_syntax(data)[1]
    return UID(value) if value else None


def _meta_end_and_syntax(data: bytes) -> tuple[int, str]:
    """Walk group 0002, always explicit little endian: where it ends and what it says."""
    at = DICOM_PREAMBLE + 4 if has_preamble(data) else 0
    syntax = ""
    while data[at : at + 2] == b"\x02\x00" and at + 8 <= len(data):
        long_form = data[at + 4 : at + 6] in (b"OB", b"OW", b"UN", b"UT", b"SQ")
        start = at + (12 if long_form else 8)
        length = int.from_bytes(data[start - (4 if long_form else 2) : start], "little")
        if data[at + 2 : at + 4] == b"\x10\x00":
            syntax = data[start : start + length].rstrip(b"\0 ").decode("ascii", "replace")
        at = start + length
    return at, syntax


def _inflated(data: bytes, budget: int) -> bytes:
    """Inflate a deflated data set (PS3.5, A.5), giving up at the budget."""
    start, _ = _meta_end_and_syntax(data)
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    dataset = inflater.decompress(memoryview(data)[start:], budget)
    if inflater.unconsumed_tail:
        raise FilmError("too_large", f"The data set inflates to more than {budget:,} bytes.")
    if not inflater.eof:
        raise FilmError("truncated", "The deflated data set ends too early. Send it again.")
    return dataset
