"""A DICOM file written from elements, with UIDs that come from nothing but what it holds."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping

from storage.intake.allowed import SERIES, SOP_INSTANCE, STUDY
from storage.intake.elements import Encoding, Pieces, write_element
from storage.intake.sniff import DICOM_MAGIC, DICOM_PREAMBLE

_IMPLEMENTATION = b"2.25.197429185073466862353711846398120217419"
"""A random UUID as a UID (PS3.5, B.2), which names this writer."""
_META = Encoding(explicit=True)


def write_file(
    elements: Mapping[int, Pieces], encoding: Encoding, syntax: str, sop_class: bytes
) -> bytes:
    """Write a file: an empty preamble, a header of its own, the elements in order.

    Each film becomes a study of its own: what belonged together before cannot be told.

    Args:
        elements: Encoded elements by tag, without UIDs of the instance, series and study.
        encoding: Theirs.
        syntax: Transfer syntax UID.
        sop_class: UID of the kind of image.
    """
    uids = _uids(elements)
    whole = dict(elements)
    for tag, uid in uids.items():
        whole[tag] = write_element(tag, b"UI", uid, encoding)
    meta = _meta(syntax, sop_class, uids[SOP_INSTANCE])
    body = [piece for tag in sorted(whole) for piece in whole[tag]]
    return b"".join([bytes(DICOM_PREAMBLE), DICOM_MAGIC, *meta, *body])


def _uids(elements: Mapping[int, Pieces]) -> dict[int, bytes]:
    """UIDs made of a digest of what is stored: equal for equal films, and leading nowhere back."""
    digest = hashlib.sha256()
    for tag in sorted(elements):
        for piece in elements[tag]:
            digest.update(piece)
    return {tag: _uid(digest.digest(), tag) for tag in (SOP_INSTANCE, STUDY, SERIES)}


def _uid(digest: bytes, tag: int) -> bytes:
    """A UUID of version 8 (RFC 9562, 5.8) as a UID (PS3.5, B.2)."""
    value = int.from_bytes(hashlib.sha256(digest + struct.pack(">I", tag)).digest()[:16], "big")
    value = value & ~(0xF << 76) | 0x8 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return f"2.25.{value}".encode()


def _meta(syntax: str, sop_class: bytes, instance: bytes) -> Pieces:
    values = {
        0x00020001: (b"OB", b"\x00\x01"),
        0x00020002: (b"UI", sop_class),
        0x00020003: (b"UI", instance),
        0x00020010: (b"UI", syntax.encode()),
        0x00020012: (b"UI", _IMPLEMENTATION),
        0x00020013: (b"SH", b"LUNGLINE"),
    }
    pieces = [
        piece
        for tag, (vr, value) in values.items()
        for piece in write_element(tag, vr, value, _META)
    ]
    size = struct.pack("<I", sum(len(piece) for piece in pieces))
    return [*write_element(0x00020000, b"UL", size, _META), *pieces]
