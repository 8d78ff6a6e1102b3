"""A folder of films, or a list of its files, that is read as if it were an archive."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from storage.sources import Found, Source, SourceUnreadable
from workers.archive.errors import ArchiveError
from workers.archive.limits import ArchiveLimits
from workers.archive.unpack import refuse_archive

Files = Callable[[str | None], Iterator[Found]]
"""Lists files behind one, see `Source.files`."""


class FolderArchive:
    """Reads the files of a folder; one is held. Not for several threads.

    Attributes:
        entries_total: Files; None until the end is reached.
        offset: Bytes of all files that were read.
        after: Mark or place of the latest file: listing goes on behind it.
    """

    def __init__(
        self,
        source: Source,
        limits: ArchiveLimits,
        offset: int = 0,
        after: str | None = None,
        files: Files | None = None,
    ) -> None:
        """Prepare; nothing is read yet.

        Args:
            source: The folder.
            limits: What it may cost.
            offset: As it was after the last file that was read before.
            after: The same.
            files: What lists the files; by default the folder itself.
        """
        self._source, self._limits = source, limits
        self._files = files or source.files
        self.entries_total: int | None = None
        self.offset, self.after = offset, after

    def entries(self, first: int = 0) -> Iterator[Found]:
        """Yield the files behind `after`, the first of which has the number `first`.

        Raises:
            ArchiveError: `prefix_unreadable`, `too_many_entries`.
        """
        count = first
        try:
            for file in self._files(self.after):
                count += 1
                if count > self._limits.max_entries:
                    raise ArchiveError(
                        "too_many_entries",
                        f"The folder has more than {self._limits.max_entries:,} files, the limit.",
                    )
                self.after = file.place if file.mark is None else file.mark
                yield file
        except SourceUnreadable as error:
            raise ArchiveError("prefix_unreadable", str(error)) from None
        self.entries_total = count

    def read(self, entry: Found) -> bytes:
        """Read the file that `entries` has just given.

        Raises:
            EntryError: `nested_archive`.
            FilmRejected: See `Source.read`.
            ArchiveError: `archive_too_large`.
        """
        data = self._source.read(entry, self._limits.max_entry_bytes)
        self.offset += len(data)
        if self.offset > self._limits.max_total_bytes:
            raise ArchiveError(
                "archive_too_large",
                f"The folder's files have more than {self._limits.max_total_bytes:,} bytes, the "
                "limit.",
            )
        refuse_archive(data)
        return data
