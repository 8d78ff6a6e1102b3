"""Forms with files, read while they are sent: never the whole in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from lungline.client.errors import InputUnusable

Body = Callable[[], Iterator[bytes]]
_PIECE_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class FormFile:
    """One file of a form.

    Attributes:
        field: The field it stands in.
        name: What it is called.
        content_type: Its media type.
        body: Makes the chunks of it, anew for each try.
    """

    field: str
    name: str
    content_type: str
    body: Body

    def part(self) -> tuple[str, tuple[str, IO[bytes], str]]:
        """As httpx takes it."""
        # httpx asks for nothing but `read`; what cannot be sought goes in chunks.
        content = cast(IO[bytes], _Reader(self.body()))
        return self.field, (self.name, content, self.content_type)


class _Reader:
    """What httpx reads a file with, over chunks."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._left = b""

    def read(self, size: int) -> bytes:
        """Give up to `size` bytes; none at the end."""
        if not self._left:
            self._left = next((piece for piece in self._pieces if piece), b"")
        taken, self._left = self._left[:size], self._left[size:]
        return taken


def manifest_file(path: Path) -> FormFile:
    """A manifest, CSV or NDJSON of films with the caller's own ids.

    Raises:
        InputUnusable: It cannot be read, or is empty.
    """
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        raise _unreadable(path, error) from None
    if empty:
        raise InputUnusable(f"{path}: the manifest is empty")
    return FormFile("manifest", path.name, "application/octet-stream", lambda: _pieces(path))


def _pieces(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE_BYTES):
                yield piece
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError) -> InputUnusable:
    return InputUnusable(f"{path}: cannot be read ({error.strerror})")
