"""What is uploaded in parts: a file as it is, or films packed into a zip on the way."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lungline.client.archive import zip_films, zip_size
from lungline.client.errors import InputChanged, InputUnusable
from lungline.client.films import FilmFile

_PIECE_BYTES = 1024 * 1024


class Part(Protocol):
    """One part; it can be read again and again."""

    def pieces(self) -> Iterator[bytes]:
        """Yield its bytes.

        Raises:
            InputUnusable: They cannot be read now.
            InputChanged: There are fewer than before.
        """
        ...


class Source(Protocol):
    """Something to upload that is the same when the command is given again."""

    @property
    def size(self) -> int:
        """Bytes of the whole."""
        ...

    def identity(self) -> str:
        """A digest that changes when what is uploaded, or its size, does; it tells no name.

        Raises:
            InputUnusable: It is gone.
        """
        ...

    def parts(self, size: int, wanted: Collection[int]) -> Iterator[tuple[int, Part]]:
        """Yield the wanted parts of `size` bytes, with their numbers, in order.

        Raises:
            InputUnusable: A file cannot be read now.
            InputChanged: One has another size than before.
        """
        ...


def measure(part: Part) -> tuple[int, str]:
    """Read a part through.

    Returns:
        Its bytes, and its MD5 as the header `Content-MD5` has it.
    """
    digest, size = hashlib.md5(usedforsecurity=False), 0
    for piece in part.pieces():
        digest.update(piece)
        size += len(piece)
    return size, b64encode(digest.digest()).decode()


@dataclass(frozen=True, slots=True)
class _FilePart:
    path: Path
    start: int
    size: int

    def pieces(self) -> Iterator[bytes]:
        left = self.size
        try:
            with self.path.open("rb") as file:
                file.seek(self.start)
                while left and (piece := file.read(min(left, _PIECE_BYTES))):
                    left -= len(piece)
                    yield piece
        except OSError as error:
            raise InputUnusable(f"{self.path}: cannot be read ({error.strerror})") from None
        if left:
            raise _changed(self.path)


@dataclass(frozen=True, slots=True)
class FileSource:
    """A file.

    Attributes:
        path: Where it is.
        size: Bytes.
    """

    path: Path
    size: int

    def identity(self) -> str:
        """See `Source.identity`."""
        return _digest([self.size, _seen(self.path)])

    def parts(self, size: int, wanted: Collection[int]) -> Iterator[tuple[int, Part]]:
        """See `Source.parts`."""
        for number in sorted(wanted):
            start = (number - 1) * size
            yield number, _FilePart(self.path, start, min(size, self.size - start))


@dataclass(frozen=True, slots=True)
class _MemoryPart:
    data: bytes

    def pieces(self) -> Iterator[bytes]:
        for start in range(0, len(self.data), _PIECE_BYTES):
            yield self.data[start : start + _PIECE_BYTES]


class FilmsSource:
    """Films, as the zip that `zip_films` makes of them: the same films give the same bytes."""

    def __init__(self, films: Sequence[FilmFile]) -> None:
        """Take the films in their order."""
        self._films = films
        self.size = zip_size(films)

    def identity(self) -> str:
        """See `Source.identity`."""
        return _digest([self.size, *([film.name, *_seen(film.path)] for film in self._films)])

    def parts(self, size: int, wanted: Collection[int]) -> Iterator[tuple[int, Part]]:
        """See `Source.parts`; all films are read, also those of parts that nobody wants."""
        number, data, total = 1, bytearray(), 0
        for piece in zip_films(self._films):
            data += piece
            total += len(piece)
            while len(data) >= size:
                if number in wanted:
                    yield number, _MemoryPart(bytes(data[:size]))
                del data[:size]
                number += 1
        if total != self.size:
            raise _changed(self._films[0].path)
        if data and number in wanted:
            yield number, _MemoryPart(bytes(data))


def _seen(path: Path) -> list[str | int]:
    try:
        status = path.stat()
        return [str(path.resolve()), status.st_size, status.st_mtime_ns]
    except OSError as error:
        raise InputUnusable(f"{path}: cannot be read ({error.strerror})") from None


def _digest(seen: Sequence[object]) -> str:
    return hashlib.sha256(json.dumps(seen).encode(errors="surrogateescape")).hexdigest()


def _changed(path: Path) -> InputChanged:
    return InputChanged(f"{path}: changed while it was sent; nothing was submitted")
