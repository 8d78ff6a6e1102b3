"""What a body or a file is, by its content type and its first bytes."""

from __future__ import annotations

from enum import Enum, auto

from lungline.errors import UnsupportedContent

_ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
"""A local file header, the end of an empty archive, a spanned archive's mark (APPNOTE 4.3)."""
_ZIP_TYPES = frozenset({"application/zip", "application/x-zip-compressed", "application/x-zip"})
ARCHIVE_HEAD = 512
"""Bytes that tell an archive of any kind; a tar says so at the end of its first 512."""
TAKEN = (
    "multipart/form-data, application/json, application/zip, application/dicom, image/jpeg, "
    "image/png or application/octet-stream"
)


class Kind(Enum):
    """How a body is taken."""

    MULTIPART = auto()
    ARCHIVE = auto()
    FILM = auto()
    UNKNOWN = auto()
    """The first bytes decide."""


def kind_of(mimetype: str) -> Kind:
    """How a body of this content type is taken.

    Raises:
        UnsupportedContent: It is not.
    """
    if mimetype == "multipart/form-data":
        return Kind.MULTIPART
    if mimetype in _ZIP_TYPES:
        return Kind.ARCHIVE
    if mimetype == "application/dicom" or mimetype.startswith("image/"):
        return Kind.FILM
    if mimetype in ("", "application/octet-stream"):
        return Kind.UNKNOWN
    raise UnsupportedContent(f"A body of this content type is not taken. Send {TAKEN}.")


def is_archive(head: bytes) -> bool:
    """Whether these first bytes, `ARCHIVE_HEAD` of them, are those of an archive that is taken."""
    return is_zip(head)


def is_zip(head: bytes) -> bool:
    """Whether these first bytes are a zip archive's."""
    return head.startswith(_ZIP_STARTS)
