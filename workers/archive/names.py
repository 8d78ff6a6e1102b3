"""Names of entries: read in whatever code page they were written, judged, kept for display only."""

from __future__ import annotations

import re
import zlib

from lungline.filenames import (
    is_called_archive,
    is_called_film,
    is_called_otherwise,
    is_hidden,
)

_HARMFUL = frozenset({"unsafe_name", "special_entry", "nested_archive"})
"""Told whatever the entry is called: somebody means harm, or films are in there."""
_READ = frozenset({"unsupported_format", "empty_file"})
"""What is told of bytes that were seen whole."""
_DRIVE = re.compile(r"[A-Za-z]:")
_LEGACY = ("utf-8", "cp949")
"""Programs that set no flag write UTF-8 (macOS) or the code page of their Windows (Korean here)."""


def decode_name(raw: bytes, *, utf8: bool, unicode_path: bytes | None) -> str:
    """Read an entry's name.

    Args:
        raw: As the header has it.
        utf8: The header's flag says that it is UTF-8.
        unicode_path: The value of the extra field 0x7075 (APPNOTE 4.6.9), where there is one: a
            version, the CRC-32 of `raw`, and the name in UTF-8.

    Returns:
        The name with `/` between its parts; what no code page explains is read as cp437, which
        knows every byte.
    """
    if unicode_path is not None and _belongs(unicode_path, raw):
        raw, utf8 = unicode_path[5:], True
    if utf8:
        return raw.decode("utf-8", "replace").replace("\\", "/")
    for encoding in _LEGACY:
        try:
            return raw.decode(encoding).replace("\\", "/")
        except UnicodeDecodeError:
            continue
    return raw.decode("cp437").replace("\\", "/")


def is_ignored(name: str) -> bool:
    """Whether an entry need not be read: a folder, or a file that no person means."""
    return name.endswith("/") or is_hidden(name)


def is_no_film(name: str, code: str) -> bool:
    """Whether an entry that cannot be a film is not meant as one either, so that none is missing.

    Folders are submitted by the same rule (`lungline.client.films`).

    Args:
        name: The entry's.
        code: Why it cannot be one; of `lungline.errors.FILM_CODES`.
    """
    if code in _HARMFUL or is_called_film(name):
        return False
    return is_called_otherwise(name) or (code in _READ and not is_called_archive(name))


def is_unsafe(name: str) -> bool:
    """Whether a name leads out of the archive, or hides its end from programs written in C.

    Nothing is ever written under an entry's name; who sends such a name may mean harm to others.
    """
    absolute = name.startswith("/") or _DRIVE.match(name) is not None
    return absolute or "\0" in name or ".." in name.split("/")


def _belongs(unicode_path: bytes, raw: bytes) -> bool:
    """Whether the field was written for this name, not left behind by a program that renamed."""
    return (
        len(unicode_path) > 5
        and unicode_path[0] == 1
        and int.from_bytes(unicode_path[1:5], "little") == zlib.crc32(raw)
    )
