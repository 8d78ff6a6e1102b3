"""Films packed into one zip while it is sent: never the whole in memory, never on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from zipfile import ZipInfo

from lungline.client.errors import InputUnusable
from lungline.client.films import FilmFile
from lungline.zipping import TIMESTAMP, Window, open_stored

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
    window, total = Window(), 0
    with open_stored(window) as archive:
        for film in films:
            archive.writestr(ZipInfo(film.name, TIMESTAMP), _read(film))
            yield from _pieces(window.take())
            total += film.size
            sent(total)
    yield from _pieces(window.take())


def zip_size(films: Sequence[FilmFile]) -> int:
    """Bytes of what `zip_films` yields, as long as no film changes; nothing is read."""
    window, offset = Window(), 0
    with open_stored(window) as archive:
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
