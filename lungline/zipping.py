"""Zip archives written while they are sent: never the whole in memory, never on disk."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from zipfile import ZIP_STORED, ZipFile, ZipInfo

# The same files give the same bytes, so that a repeated archive is known as one.
TIMESTAMP = (1980, 1, 1, 0, 0, 0)


def zip_stored(files: Iterable[tuple[str, bytes]]) -> Iterator[bytes]:
    """Yield the bytes of a zip of `files` (name, content), stored, in their order.

    One file at a time is in memory, and a few hundred bytes of each that went before it. Archives
    above 4 GiB or 65,535 entries get the zip64 structures.
    """
    window = Window()
    with ZipFile(window, "w", ZIP_STORED) as archive:
        for name, content in files:
            archive.writestr(ZipInfo(name, TIMESTAMP), content)
            yield window.take()
    yield window.take()


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
