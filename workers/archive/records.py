"""The records of a zip archive (PKWARE's APPNOTE 6.3.10, section 4.3), field by field."""

from __future__ import annotations

import stat
import struct
from dataclasses import dataclass

from workers.archive.errors import unreadable
from workers.archive.names import decode_name

ENTRY = struct.Struct("<IHHHHHHIIIHHHHHII")
ENTRY_SIGNATURE = 0x02014B50
LOCAL = struct.Struct("<IHHHHHIIIHH")
LOCAL_SIGNATURE = 0x04034B50

STORED, DEFLATED = 0, 8
HAS_DESCRIPTOR = 0x0008
_ENCRYPTED = 0x0001 | 0x0040 | 0x2000  # the entry, strongly, and the directory
_UTF8 = 0x0800
_UNIX = frozenset({3, 19})
"""Systems that write a Unix mode: Unix itself and macOS."""
_ZIP64, _UNICODE_PATH = 0x0001, 0x7075
UNKNOWN_32 = 0xFFFFFFFF
"""The value that says: look into the zip64 field."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as the central directory has it.

    Attributes:
        name: Readable, with `/`; for display only.
        raw_name: As written.
        flags: General purpose bits.
        method: Of compression.
        crc: CRC-32 of the unpacked bytes.
        packed: Bytes in the archive.
        size: Bytes unpacked.
        offset: Of the local header, from the start of the first one.
        special: It is a link, a device or the like, by its Unix mode.
    """

    name: str
    raw_name: bytes
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    offset: int
    special: bool

    @property
    def encrypted(self) -> bool:
        """Whether it can be read only with a password."""
        return bool(self.flags & _ENCRYPTED)

    @property
    def end(self) -> int:
        """Where it ends at the earliest."""
        return self.offset + LOCAL.size + len(self.raw_name) + self.packed


def parse_entry(header: bytes, raw_name: bytes, extra: bytes) -> Entry:
    """Read one record of the central directory.

    Args:
        header: Its fixed part.
        raw_name: Its name.
        extra: Its extra fields.

    Raises:
        ArchiveError: The zip64 field that it announces is not there.
    """
    (_, made_by, _, flags, method, _, _, crc, packed, size, *rest) = ENTRY.unpack(header)
    external, offset = rest[-2:]
    fields = _extra_fields(extra)
    size, packed, offset = _widened(fields.get(_ZIP64, b""), size, packed, offset)
    name = decode_name(raw_name, utf8=bool(flags & _UTF8), unicode_path=fields.get(_UNICODE_PATH))
    special = made_by >> 8 in _UNIX and _is_special(external >> 16)
    return Entry(name, raw_name, flags, method, crc, packed, size, offset, special)


def _extra_fields(extra: bytes) -> dict[int, bytes]:
    """Take extra fields apart; what does not fit its own length is left out."""
    fields: dict[int, bytes] = {}
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        value = extra[at + 4 : at + 4 + length]
        if len(value) == length:
            fields.setdefault(kind, value)
        at += 4 + length
    return fields


def _widened(zip64: bytes, *values: int) -> list[int]:
    """Replace each value that is too large for 32 bits by the next one of the zip64 field."""
    widened = []
    for value in values:
        if value == UNKNOWN_32:
            if len(zip64) < 8:
                raise unreadable("an entry's zip64 field is missing")
            value, zip64 = int.from_bytes(zip64[:8], "little"), zip64[8:]
        widened.append(value)
    return widened


def _is_special(mode: int) -> bool:
    kind = stat.S_IFMT(mode)
    return kind not in (0, stat.S_IFREG, stat.S_IFDIR)
