"""A DICOM file as a data set: only the elements that make the picture are read."""

import zlib
from io import BytesIO

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filereader import read_dataset as parse_dataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from ml.decode.elements import Element, Encoding, walk
from ml.decode.film import DecodeLimits
from ml.decode.sniff import DICOM_PREAMBLE, has_preamble
from ml.errors import FilmError

_PIXEL_DATA = 0x7FE00010
_MAX_ELEMENT = 1 << 20
"""Bytes of any element but the pixel data. The longest of use is a LUT of 65,536 entries."""

_PICTURE_TAGS = frozenset(
    tag_for_keyword(keyword)
    for keyword in (
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
    )
)
"""Nothing else is parsed: no name, no birth date ever becomes a value in this process."""


def read_dataset(data: bytes, limits: DecodeLimits) -> tuple[Dataset, UID]:
    """Parse the picture's elements of a DICOM file.

    Args:
        data: The file; the preamble may be missing.
        limits: Holds the budget of a deflated data set.

    Returns:
        The data set, its pixel data still encoded, and the transfer syntax of those.

    Raises:
        FilmError: `too_large` or `truncated` for a deflated data set, `undecodable` for one of
            too many elements.
    """
    start, syntax = _meta(data)
    if syntax == DeflatedExplicitVRLittleEndian:
        data, start = _inflated(data, start, limits.max_inflated_bytes), 0
        syntax = ExplicitVRLittleEndian
    syntax = syntax or _guessed(data, start)
    encoding = Encoding(syntax == ImplicitVRLittleEndian, syntax == ExplicitVRBigEndian)
    dataset = _parsed(data, list(walk(data, start, encoding)), encoding)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    return dataset, syntax


def _parsed(data: bytes, elements: list[Element], encoding: Encoding) -> Dataset:
    """Hand pydicom the bytes of the picture's elements, and put the pixel data beside them."""
    slim = b"".join(
        data[element.start : element.next]
        for element in elements
        if element.tag in _PICTURE_TAGS and element.next - element.start <= _MAX_ELEMENT
    )
    dataset = parse_dataset(BytesIO(slim), encoding.implicit, not encoding.big)
    dataset.set_original_encoding(encoding.implicit, not encoding.big, "iso8859")
    for element in elements:
        if element.tag == _PIXEL_DATA:
            vr = "OB" if element.vr == b"OB" else "OW"
            dataset.add_new(_PIXEL_DATA, vr, data[element.body : element.end])
    return dataset


def _meta(data: bytes) -> tuple[int, UID | None]:
    """Walk group 2, always explicit little endian: where it ends and the syntax it names."""
    start = DICOM_PREAMBLE + 4 if has_preamble(data) else 0
    syntax = None
    for element in walk(data, start, Encoding(implicit=False, big=False)):
        if element.tag >> 16 != 2:
            break
        if element.tag == 0x00020010:
            value = data[element.body : element.end].rstrip(b"\0 ")
            syntax = UID(value.decode("ascii", "replace")) if value else None
        start = element.next
    return start, syntax


def _guessed(data: bytes, start: int) -> UID:
    """Tell the syntax of a data set that does not name it by its first element."""
    spelled = data[start + 4 : start + 6]
    explicit = spelled.isalpha() and spelled.isupper()
    return ExplicitVRLittleEndian if explicit else ImplicitVRLittleEndian


def _inflated(data: bytes, start: int, budget: int) -> bytes:
    """Inflate a deflated data set (PS3.5, A.5), giving up at the budget."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    dataset = inflater.decompress(memoryview(data)[start:], budget)
    if inflater.unconsumed_tail:
        raise FilmError("too_large", f"The data set inflates to more than {budget:,} bytes.")
    if not inflater.eof:
        raise FilmError("truncated", "The deflated data set ends too early. Send it again.")
    return dataset
