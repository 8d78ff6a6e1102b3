"""Films packed into one zip while it is sent: never the whole in memory, never on disk."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from lungline.client.errors import InputUnusable
from lungline.client.films import FilmFile

# The same films give the same bytes, so that a repeated submission is known as one.
TIMESTAMP = (1980, 1, 1, 0, 0, 0)
PIECE_BYTES = 256 * 1024


def zip_films(
    films: Sequence[FilmFile], sent: Callable[[int], None] = lambda total: None
) -> Iterator[bytes]:
    """Yield the bytes of a zip of `films`, stored, in their order.

    Films are pictures, which deflate makes no smaller. One film at a time is in memory. Archives
    above 4 GiB or 65,535 entries get the zip64 structures.

    Args:
        films: What to pack.
        sent: Told how many bytes of films have been taken so far.

    Raises:
        InputUnusable: A film has gone, or cannot be read any more.
    """
    window, total = _Window(), 0
    with ZipFile(window, "w", ZIP_STORED) as archive:
        for film in films:
            archive.writestr(ZipInfo(film.name, TIMESTAMP), _read(film))
            yield from _pieces(window.take())
            total += film.size
            sent(total)
    yield from _pieces(window.take())


def zip_size(films: Sequence[FilmFile]) -> int:
    """Bytes of what `zip_films` yields, as long as no film changes; nothing is read."""
    window, offset = _Window(), 0
    with ZipFile(window, "w", ZIP_STORED) as archive:
        for film in films:
            entry = ZipInfo(film.name, TIMESTAMP)
            entry.header_offset, entry.CRC = offset, 0
            entry.file_size = entry.compress_size = film.size
            # Its flags, which a name in other letters sets, do not change the size of anything.
            offset += len(entry.FileHeader(zip64=False)) + film.size
            archive.filelist.append(entry)
        window.skip(offset)
        archive.start_dir = offset
        archive._didModify = True  # type: ignore[attr-defined]  # or no directory is written
    return window.tell()


class _Window(io.BytesIO):
    """What was written since the last `take`, in a file that seems to hold everything.

    `zipfile` writes an entry's header anew when the entry is complete. It can, within the window,
    so the archive needs no data descriptors, which streaming readers do not take for stored
    entries.
    """

    _base = 0

    def tell(self) -> int:
        return self._base + super().tell()

    def seek(self, position: int, whence: int = io.SEEK_SET) -> int:
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


def _read(film: FilmFile) -> bytes:
    try:
        return film.path.read_bytes()
    except OSError as error:
        raise InputUnusable(
            f"{film.path}: cannot be read any more ({error.strerror}); nothing was submitted"
        ) from None


def _pieces(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), PIECE_BYTES):
        yield data[start : start + PIECE_BYTES]
