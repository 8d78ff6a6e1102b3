"""What an expander needs of a folder of films, wherever it lies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from lungline.errors import FilmRejected


class SourceUnreadable(Exception):
    """The folder cannot be read, and will not be later; the message is for people."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file of the folder.

    Attributes:
        name: Readable, below the folder; for display only.
        size: Bytes as they were listed; 0 where it was not.
        place: Where it is, for the source only; a listing goes on behind it.
        mark: In place of `place`, where a list that is given goes on behind it.
    """

    name: str
    size: int
    place: str
    mark: str | None = None


class Source(Protocol):
    """A folder of films. Its files may come and go while it is read.

    Every method raises `StoreUnavailable` when the machine or the bucket does not answer.
    """

    def files(self, after: str | None) -> Iterator[Found]:
        """List the files, those of folders below it too, always in the same order.

        However many there are, a bounded number is held.

        Args:
            after: `place` of the last file that was listed before; None: begin.

        Raises:
            SourceUnreadable: The folder is not there, or may not be read.
        """
        ...

    def named(self, name: str) -> Found:
        """The file of this name below the folder, whether or not there is one."""
        ...

    def read(self, file: Found, most: int) -> bytes:
        """Read a file.

        Raises:
            FilmRejected: `missing_entry`, `unsafe_name`, `special_entry`, `refused_entry`,
                `too_large`: more than `most` bytes.
        """
        ...


def missing() -> FilmRejected:
    """The error of a file that is not there."""
    return FilmRejected("missing_entry", "There is no film under this name.")


def refused() -> FilmRejected:
    """The error of a file that the service has no right to."""
    return FilmRejected("refused_entry", "The service may not read this file.")


def too_large(most: int) -> FilmRejected:
    """The error of a file above the limit."""
    return FilmRejected("too_large", f"The file has more than {most:,} bytes, the limit.")
