"""The JPEG frame of a DICOM file: what a JPEG file may not keep, a frame may not either."""

from __future__ import annotations

from dataclasses import replace

from lungline.errors import FilmRejected
from storage.intake.elements import ITEM, Element, ElementReader, Encoding, write_element
from storage.intake.jpeg import clean_jpeg
from storage.intake.limits import FilmLimits
from storage.intake.sniff import JPEG_MAGIC

JPEG = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, 57, 70))
"""Baseline, extended, lossless, lossless of first order."""
_ONE_OFFSET = 4
_ITEM = Encoding(explicit=False)


def clean_frame(reader: ElementReader, pixels: Element, limits: FilmLimits) -> Element:
    """Drop from a film's JPEG frame what `clean_jpeg` drops from a file, and what stands behind it.

    Args:
        reader: That gave the element.
        pixels: Encapsulated pixel data of one frame.
        limits: Of geometry.

    Returns:
        The same element where there is nothing to drop; else one with all in one fragment.

    Raises:
        FilmRejected: As `clean_jpeg`; `undecodable` for what is no JPEG.
        Truncated: The bytes end inside a fragment.
    """
    offsets, *fragments = (*reader.item_values(pixels), memoryview(b""))
    frame = b"".join(fragments)
    if not frame.startswith(JPEG_MAGIC):
        raise FilmRejected("undecodable", "The frame is no JPEG, as the file's header says.")
    cleaned = clean_jpeg(frame, limits).data
    # Some writers pad with FF.
    padded = frame.startswith(cleaned) and len(frame) - len(cleaned) <= len(cleaned) % 2
    if padded and len(offsets) <= _ONE_OFFSET:
        return pixels
    cleaned += bytes(len(cleaned) % 2)
    items = [*write_element(ITEM, b"", b"", _ITEM), *write_element(ITEM, b"", cleaned, _ITEM)]
    return replace(pixels, value=memoryview(b"".join(items)))
