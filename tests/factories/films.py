"""Small films made on the spot: good ones, and bad ones of every kind that intake meets.

The same seed gives the same bytes; different seeds give films with different bytes.
Zip files of films stand in `tests/factories/archives.py`.
"""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    generate_uid,
)

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
DIGITAL_XRAY_STORAGE = "1.2.840.10008.5.1.4.1.1.1.1"

PATIENT_NAME = "Hong^Gildong"
PATIENT_ID = "H03-00329-SECRET"
BIRTH_DATE = "20210304"
INSTITUTION = "Seoul Secret Hospital"
PHYSICIAN = "Referring^Secret"
PRIVATE_NOTE = "private note on Hong"
IDENTIFIERS = (PATIENT_NAME, PATIENT_ID, BIRTH_DATE, INSTITUTION, PHYSICIAN, PRIVATE_NOTE)
"""What `dicom` plants in its files and intake has to drop."""


def pixels(seed: int = 0, width: int = 96, height: int = 80, bits: int = 8) -> NDArray[Any]:
    """Something like a chest: a bright body with two dark ovals, and noise from the seed.

    Returns:
        (height, width), uint8 for up to 8 bits and uint16 above, filling `bits` bits.
    """
    picture = np.full((height, width), 0.65)
    axes = (max(1, width // 7), max(1, height // 3))
    for x in (width * 3 // 10, width * 7 // 10):
        cv2.ellipse(picture, (x, height // 2), axes, 0, 0, 360, 0.2, -1)
    noise = np.random.default_rng(seed).normal(0, 0.06, picture.shape)
    levels = np.clip(picture + noise, 0, 1) * ((1 << bits) - 1)
    return levels.astype(np.uint8 if bits <= 8 else np.uint16)


def jpeg(
    seed: int = 0, width: int = 96, height: int = 80, *, quality: int = 90, colour: bool = False
) -> bytes:
    """A baseline JPEG of 8 bits, grey or three equal channels."""
    picture = pixels(seed, width, height)
    if colour:
        picture = cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR)
    return _encoded(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])


def jpeg_with_segments(*segments: tuple[int, bytes], seed: int = 0) -> bytes:
    """A JPEG with marker segments (marker byte, payload) right behind its start marker."""
    inserted = b"".join(
        b"\xff" + bytes([marker]) + struct.pack(">H", len(payload) + 2) + payload
        for marker, payload in segments
    )
    plain = jpeg(seed)
    return plain[:2] + inserted + plain[2:]


def exif(orientation: int, *, text: bytes = b"", order: str = ">") -> bytes:
    """The payload of an APP1 segment: EXIF with an orientation and, if given, a description."""
    entries = [struct.pack(order + "HHIHH", 0x0112, 3, 1, orientation, 0)]
    if text:
        offset = 8 + 2 + 12 * 2 + 4
        entries.insert(0, struct.pack(order + "HHII", 0x010E, 2, len(text), offset))
    mark = b"MM" if order == ">" else b"II"
    head = mark + struct.pack(order + "HIH", 42, 8, len(entries))
    return b"Exif\x00\x00" + head + b"".join(entries) + struct.pack(order + "I", 0) + text


def png8(seed: int = 0, width: int = 96, height: int = 80) -> bytes:
    """A grey PNG of 8 bits."""
    return _encoded(".png", pixels(seed, width, height), [])


def png16(seed: int = 0, width: int = 96, height: int = 80) -> bytes:
    """A grey PNG of 16 bits, of which 12 are used, as scanners write them."""
    return _encoded(".png", pixels(seed, width, height, bits=12), [])


def png_with_chunks(*chunks: tuple[bytes, bytes], seed: int = 0) -> bytes:
    """A PNG with chunks (name, body) behind its header."""
    plain = png8(seed)
    return plain[:33] + b"".join(png_chunk(name, body) for name, body in chunks) + plain[33:]


def png_chunk(name: bytes, body: bytes) -> bytes:
    """One PNG chunk with its length and checksum."""
    checksum = zlib.crc32(name + body)
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", checksum)


def dicom(
    seed: int = 0,
    width: int = 96,
    height: int = 80,
    *,
    bits: int = 12,
    photometric: str = "MONOCHROME2",
    syntax: str = ExplicitVRLittleEndian,
    frames: int = 1,
    **elements: Any,
) -> bytes:
    """A digital X-ray full of identifying elements (`IDENTIFIERS`), private ones among them.

    Args:
        seed: Of the noise.
        width: Columns.
        height: Rows.
        bits: Stored bits; 9 and more are kept in 16.
        photometric: `MONOCHROME1` stores the picture inverted.
        syntax: Transfer syntax UID; an encapsulated one is `JPEGBaseline8Bit` only (with
            `bits=8`).
        frames: The picture is repeated.
        elements: Further elements by keyword; None removes one.
    """
    dataset = _identified()
    picture = pixels(seed, width, height, bits)
    if photometric == "MONOCHROME1":
        picture = ((1 << bits) - 1) - picture
    dataset.Modality, dataset.BodyPartExamined, dataset.ViewPosition = "DX", "CHEST", "PA"
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, photometric
    dataset.Rows, dataset.Columns = height, width
    dataset.BitsAllocated = 8 if bits <= 8 else 16
    dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = bits, bits - 1, 0
    dataset.WindowCenter, dataset.WindowWidth = str(1 << (bits - 1)), str(1 << bits)
    if frames > 1:
        dataset.NumberOfFrames = frames
    dataset.PixelData = _pixel_data(picture, frames, syntax)
    dataset["PixelData"].VR = "OB" if bits <= 8 or syntax == JPEGBaseline8Bit else "OW"
    for keyword, value in elements.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    return _saved(dataset, syntax)


def dicom_without_pixels() -> bytes:
    """A DICOM file whose data set ends before the picture."""
    return dicom(PixelData=None)


def truncated_jpeg(seed: int = 0) -> bytes:
    """A JPEG cut in the middle of its picture; the header is whole."""
    data = jpeg(seed)
    return data[: len(data) * 2 // 3]


def truncated_png(seed: int = 0) -> bytes:
    """A PNG cut in the middle of its picture; the header is whole."""
    data = png8(seed)
    return data[: len(data) * 2 // 3]


def truncated_dicom(seed: int = 0) -> bytes:
    """A DICOM file cut in the middle of its pixel data."""
    data = dicom(seed)
    return data[: len(data) * 2 // 3]


def text_named_jpg() -> bytes:
    """What a file holds that only claims to be a film."""
    return b"This is no picture, whatever its name says.\n" * 20


def wrong_magic(seed: int = 0) -> bytes:
    """A JPEG whose first bytes were overwritten."""
    return b"XX" + jpeg(seed)[2:]


def huge_png(side: int = 40_000) -> bytes:
    """A PNG of a few bytes whose header claims `side` x `side` pixels."""
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    picture = zlib.compress(b"\x00" * 64)
    return (
        PNG_MAGIC
        + png_chunk(b"IHDR", header)
        + png_chunk(b"IDAT", picture)
        + png_chunk(b"IEND", b"")
    )


def _encoded(suffix: str, picture: NDArray[Any], parameters: list[int]) -> bytes:
    done, data = cv2.imencode(suffix, picture, parameters)
    assert done
    return data.tobytes()


def _identified() -> Dataset:
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = DIGITAL_XRAY_STORAGE
    dataset.SOPInstanceUID = generate_uid(entropy_srcs=["instance"])
    dataset.StudyInstanceUID = generate_uid(entropy_srcs=["study"])
    dataset.SeriesInstanceUID = generate_uid(entropy_srcs=["series"])
    dataset.StudyDate, dataset.AccessionNumber = "20240501", "ACC-SECRET-1"
    dataset.InstitutionName, dataset.ReferringPhysicianName = INSTITUTION, PHYSICIAN
    dataset.PatientName, dataset.PatientID = PATIENT_NAME, PATIENT_ID
    dataset.PatientBirthDate, dataset.PatientSex, dataset.PatientAge = BIRTH_DATE, "F", "003Y"
    request = Dataset()
    request.RequestedProcedureDescription = f"Chest of {PATIENT_NAME}"
    dataset.RequestAttributesSequence = [request]
    block = dataset.private_block(0x0029, "SECRET VENDOR", create=True)
    block.add_new(0x10, "LO", PRIVATE_NOTE)
    return dataset


def _pixel_data(picture: NDArray[Any], frames: int, syntax: str) -> bytes:
    if syntax == JPEGBaseline8Bit:
        frame = _encoded(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 90])
        return encapsulate([frame] * frames)
    if syntax == ExplicitVRBigEndian:
        picture = picture.byteswap()
    data = picture.tobytes() * frames
    return data + b"\x00" * (len(data) % 2)


def _saved(dataset: Dataset, syntax: str) -> bytes:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = UID(syntax)
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.SourceApplicationEntityTitle = "SECRET-AE"
    dataset.file_meta = meta
    dataset.preamble = b"SECRET PREAMBLE".ljust(128, b"\x00")
    stream = BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()
