"""Which kind of archive a file is, told by its first bytes: names and content types lie."""

from __future__ import annotations

from enum import StrEnum

HEAD_BYTES = 512
"""Bytes that tell an archive of any kind: a tar begins with a header of so many."""
TAR_CHECKSUM = slice(148, 156)
_ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
"""A local file header, the end of an empty archive, a spanned archive's mark (APPNOTE 4.3)."""
_GZIP = b"\x1f\x8b\x08"
_ZSTD = b"\x28\xb5\x2f\xfd"


class ArchiveFormat(StrEnum):
    """The kinds of archives that are taken apart."""

    ZIP = "zip"
    TAR = "tar"
    TAR_GZIP = "tar.gz"
    TAR_ZSTD = "tar.zst"


def archive_format(head: bytes) -> ArchiveFormat | None:
    """Tell an archive by its first `HEAD_BYTES`; what is packed may turn out to hold no tar.

    Returns:
        None for what is no archive that is taken.
    """
    if head.startswith(_ZIP_STARTS):
        return ArchiveFormat.ZIP
    if head.startswith(_GZIP):
        return ArchiveFormat.TAR_GZIP
    if head.startswith(_ZSTD):
        return ArchiveFormat.TAR_ZSTD
    return ArchiveFormat.TAR if is_tar_header(head) else None


def is_tar_header(block: bytes) -> bool:
    """Whether a tar header's checksum is right: old tars (v7) have no other mark.

    The checksum is the sum of the header's bytes, its own field taken for blanks (POSIX.1-1988,
    section 10.1.1). Some old programs summed signed bytes.
    """
    field = block[TAR_CHECKSUM].strip(b" \0")
    if len(block) < HEAD_BYTES or not field or not set(field) <= set(b"01234567"):
        return False
    rest = block[: TAR_CHECKSUM.start] + b" " * 8 + block[TAR_CHECKSUM.stop : HEAD_BYTES]
    unsigned = sum(rest)
    signed = unsigned - 256 * sum(byte > 127 for byte in rest)
    return int(field, 8) in (unsigned, signed)
