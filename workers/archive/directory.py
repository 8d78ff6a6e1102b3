"""The central directory: found from the archive's end, read as a stream."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from workers.archive.errors import unreadable
from workers.archive.records import ENTRY, ENTRY_SIGNATURE, Entry, parse_entry
from workers.archive.source import Source

CHUNK = 256 * 1024
_END = struct.Struct("<IHHHHIIH")
_END_SIGNATURE = b"PK\x05\x06"
_MOST_COMMENT = 0xFFFF
_LOCATOR = struct.Struct("<IIQI")
_LOCATOR_SIGNATURE = 0x07064B50
_END64 = struct.Struct("<IQHHIIQQQQ")
_END64_SIGNATURE = 0x06064B50
_UNKNOWN_16 = 0xFFFF


@dataclass(frozen=True, slots=True)
class Directory:
    """Where the central directory lies.

    Attributes:
        start: Its first byte.
        size: Its bytes.
        base: What is to be added to an entry's offset: bytes in front of the archive, as of a
            self-extracting program, which not every writer counts.
        entries: Their number as the archive states it.
    """

    start: int
    size: int
    base: int
    entries: int


def find_directory(source: Source) -> Directory:
    """Find the central directory.

    Raises:
        ArchiveError: There is none: no zip archive, cut off, or in several volumes.
    """
    tail_start = max(0, source.size - _END.size - _MOST_COMMENT)
    tail = source.read(tail_start, source.size - tail_start)
    at = _find_end(tail)
    _, disk, first_disk, _, entries, size, offset, _ = _END.unpack_from(tail, at)
    end = tail_start + at
    # Some writers add it though the plain record could hold every number.
    wide = _read_end64(source, end)
    if wide is not None:
        end, disk, first_disk, entries, size, offset = wide
    if disk or first_disk:
        raise unreadable("it is one of several volumes; join them first")
    start = end - size
    base = start - offset
    if start < 0 or base < 0:
        raise unreadable("its end says that it begins earlier than it does: it was cut off")
    return Directory(start, size, base, entries)


def read_entries(source: Source, directory: Directory) -> Iterator[Entry]:
    """Yield the entries in the directory's order, reading it piece by piece.

    Raises:
        ArchiveError: The directory is damaged.
    """
    stream = _Stream(source, directory)
    count = 0
    while not stream.ended:
        header = stream.take(ENTRY.size)
        if int.from_bytes(header[:4], "little") != ENTRY_SIGNATURE:
            raise unreadable("its directory is damaged")
        name_length, extra_length, comment_length = struct.unpack_from("<HHH", header, 28)
        name, extra = stream.take(name_length), stream.take(extra_length)
        stream.take(comment_length)
        count += 1
        yield parse_entry(header, name, extra)
    # The number was kept in 16 bits once; some writers let it wrap.
    if count & _UNKNOWN_16 != directory.entries & _UNKNOWN_16:
        raise unreadable("its directory has another number of entries than it says")


class _Stream:
    """The directory's bytes, front to back; a chunk and one record are held."""

    def __init__(self, source: Source, directory: Directory) -> None:
        self._source = source
        self._at, self._end = directory.start, directory.start + directory.size
        self._buffer, self._place = b"", 0

    @property
    def ended(self) -> bool:
        return self._place >= len(self._buffer) and self._at >= self._end

    def take(self, length: int) -> bytes:
        """Give the next bytes, exactly so many."""
        if self._place + length > len(self._buffer):
            self._fill(length)
        taken = self._buffer[self._place : self._place + length]
        if len(taken) < length:
            raise unreadable("its directory is cut off")
        self._place += length
        return taken

    def _fill(self, length: int) -> None:
        wanted = min(max(CHUNK, length), self._end - self._at)
        piece = self._source.read(self._at, wanted)
        self._buffer, self._place = self._buffer[self._place :] + piece, 0
        self._at += wanted


def _find_end(tail: bytes) -> int:
    """Find the last end record that fits into the file with its comment."""
    at = tail.rfind(_END_SIGNATURE)
    while at >= 0:
        if at + _END.size <= len(tail):
            comment = int.from_bytes(tail[at + 20 : at + 22], "little")
            if at + _END.size + comment <= len(tail):
                return at
        at = tail.rfind(_END_SIGNATURE, 0, at)
    raise unreadable("it has no end record: it is no zip archive, or was cut off")


def _read_end64(source: Source, end: int) -> tuple[int, int, int, int, int, int] | None:
    """Read the zip64 end record in front of the plain one; None where there is none.

    Returns:
        Where it begins, disk, disk of the directory, entries, size and offset of the directory.
    """
    locator = source.read(max(0, end - _LOCATOR.size), _LOCATOR.size)
    if end < _LOCATOR.size or len(locator) < _LOCATOR.size:
        return None
    signature, _, stated, _ = _LOCATOR.unpack(locator)
    if signature != _LOCATOR_SIGNATURE:
        return None
    # Directly in front of its locator, unless it carries data of its own: then where it says.
    for at in (end - _LOCATOR.size - _END64.size, stated):
        record = source.read(max(0, at), _END64.size)
        if len(record) == _END64.size and record[:4] == _END64_SIGNATURE.to_bytes(4, "little"):
            values = _END64.unpack(record)
            return at, values[4], values[5], values[7], values[8], values[9]
    raise unreadable("its zip64 end record is missing")
