"""What an expander needs of an archive, whatever its kind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, TypeVar


class Named(Protocol):
    """An entry, as far as it is told to people.

    Attributes:
        name: Readable, with `/` between its parts and, for a folder, at its end.
        size: Bytes unpacked, as the archive states it.
    """

    @property
    def name(self) -> str:
        """See above."""
        ...

    @property
    def size(self) -> int:
        """See above."""
        ...


E = TypeVar("E", bound=Named)


class Archive(Protocol[E]):
    """An archive that is read entry by entry."""

    @property
    def entries_total(self) -> int | None:
        """Entries, folders and ignored ones among them; None while that is not known."""
        ...

    @property
    def offset(self) -> int | None:
        """Where to open it to go on behind the latest entry; None where their number suffices."""
        ...

    @property
    def after(self) -> str | None:
        """The latest entry, where going on needs its name; None where it does not."""
        ...

    def entries(self, first: int = 0) -> Iterator[E]:
        """Yield the entries in the archive's order, from the given one on.

        Raises:
            ArchiveError: The archive cannot be read further.
        """
        ...

    def read(self, entry: E) -> bytes:
        """Unpack the entry that `entries` has given last.

        Raises:
            EntryError: It cannot be used.
            ArchiveError: The archive cannot be read further.
        """
        ...
