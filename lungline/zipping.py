"""Zip archives written while they are sent: never the whole in memory, never on disk."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable, Iterator
from zipfile import ZIP_STORED, ZipFile, ZipInfo

# The same files give the same bytes, so that a repeated archive is known as one.
TIMESTAMP = (1980, 1, 1, 0, 0, 0)
_PERMISSIONS = 0o600 << 16  # those that `zipfile` gives


def zip_stored(files: Iterable[tuple[str, bytes]]) -> Iterator[bytes]:
    """Yield the bytes of a zip of `files` (name, content), stored, in their order.

    One file at a time is in memory, and of each that went before it its name and 22 bytes. Archives
    above 4 GiB or 65,535 entries get the zip64 structures.
    """
    window = Window()
    with open_stored(window) as archive:
        for name, content in files:
            archive.writestr(ZipInfo(name, TIMESTAMP), content)
            yield window.take()
    yield window.take()


def open_stored(window: Window) -> ZipFile:
    """Begin a zip of stored files, all of `TIMESTAMP`, each of which is written in one go."""
    archive = ZipFile(window, "w", ZIP_STORED)
    archive.filelist = _Directory()  # type: ignore[assignment]  # as much of a list as is used
    archive.NameToInfo = _NoNames()
    return archive


class _Directory:
    """What the end of a zip says of its files; `zipfile` keeps ten times as much of each."""

    _RECORD = struct.Struct("<LQQH")

    def __init__(self) -> None:
        self._packed = bytearray()
        self._count = 0

    def append(self, info: ZipInfo) -> None:
        name = info.filename.encode()
        self._packed += self._RECORD.pack(info.CRC, info.file_size, info.header_offset, len(name))
        self._packed += name
        self._count += 1

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[ZipInfo]:
        place, size = 0, self._RECORD.size
        for _ in range(self._count):
            crc, length, offset, name_size = self._RECORD.unpack_from(self._packed, place)
            name = self._packed[place + size : place + size + name_size]
            info = ZipInfo(name.decode(), TIMESTAMP)
            info.CRC, info.header_offset = crc, offset
            info.file_size = info.compress_size = length
            info.external_attr = _PERMISSIONS
            yield info
            place += size + name_size


class _NoNames(dict[str, ZipInfo]):
    """Nobody asks for a file by its name."""

    def __setitem__(self, name: str, info: ZipInfo) -> None:
        """Forget it."""


class Window(io.BytesIO):
    """What was written since the last `take`, in a file that seems to hold everything.

    `zipfile` writes an entry's header anew when the entry is complete. It can, within the window,
    so the archive needs no data descriptors, which streaming readers do not take for stored
    entries.
    """

    _base = 0

    def tell(self) -> int:
        """The position in the file that seems to be there."""
        return self._base + super().tell()

    def seek(self, position: int, whence: int = io.SEEK_SET) -> int:
        """Move within the window, or to its end."""
        if whence == io.SEEK_SET:
            position -= self._base
        return self._base + super().seek(position, whence)

    def skip(self, count: int) -> None:
        """Act as if `count` bytes were written."""
        self._base += count

    def take(self) -> bytes:
        """Return what was written and forget it; the position stays what it was."""
        data = self.getvalue()
        self._base += len(data)
        super().seek(0)
        self.truncate(0)
        return data
