"""What a body or a file is, by its content type and its first bytes."""

from __future__ import annotations

from enum import Enum, auto

from lungline.archives import archive_format
from lungline.errors import UnsupportedContent

_ARCHIVE_TYPES = frozenset(
    {
        "application/zip",
        "application/x-zip-compressed",
        "application/x-zip",
        "application/x-tar",
        "application/gzip",
        "application/x-gzip",
        "application/zstd",
    }
)
TAKEN = (
    "multipart/form-data, application/json, application/zip, application/x-tar, application/gzip, "
    "application/zstd, application/dicom, image/jpeg, image/png or application/octet-stream"
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
    if mimetype in _ARCHIVE_TYPES:
        return Kind.ARCHIVE
    if mimetype == "application/dicom" or mimetype.startswith("image/"):
        return Kind.FILM
    if mimetype in ("", "application/octet-stream"):
        return Kind.UNKNOWN
    raise UnsupportedContent(f"A body of this content type is not taken. Send {TAKEN}.")


def is_archive(head: bytes) -> bool:
    """Whether these first bytes, `HEAD_BYTES` of them, are those of an archive that is taken."""
    return archive_format(head) is not None
