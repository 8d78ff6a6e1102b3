"""A zip archive, checked as a whole when it is opened, then read entry by entry."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Self

from workers.archive.directory import Directory, find_directory, read_entries
from workers.archive.limits import ArchiveLimits
from workers.archive.records import Entry
from workers.archive.source import RangeReader, Source
from workers.archive.survey import survey
from workers.archive.unpack import check_entry, unpack_entry


class ZipArchive:
    """Reads one archive; two small windows of it are all that is held. Not for several threads.

    Attributes:
        entries_total: Entries, folders and ignored ones among them.
        offset: None: the number of an entry is enough to go on at.
        after: None, for the same reason.
    """

    offset: None = None
    after: None = None

    def __init__(
        self, read_range: RangeReader, size: int, directory: Directory, limits: ArchiveLimits
    ) -> None:
        """Use `open`."""
        # Entries and directory lie apart: each has a window of its own.
        self._entries = Source(read_range, size)
        self._listing = Source(read_range, size, window=0)
        self._directory = directory
        self._limits = limits
        self.entries_total = 0

    @classmethod
    def open(cls, read_range: RangeReader, size: int, limits: ArchiveLimits) -> Self:
        """Find the directory and check the archive as a whole.

        Args:
            read_range: Reads the archive, see `RangeReader`; what it raises passes through.
            size: The archive's bytes.
            limits: What it may cost.

        Raises:
            ArchiveError: Codes `archive_unreadable`, `too_many_entries`, `archive_too_large`,
                `overlapping_entries`.
        """
        directory = find_directory(Source(read_range, size, window=0))
        archive = cls(read_range, size, directory, limits)
        archive.entries_total = survey(archive.entries, directory.start - directory.base, limits)
        return archive

    def entries(self, first: int = 0) -> Iterator[Entry]:
        """Yield the entries in the directory's order, from the given one on."""
        return islice(read_entries(self._listing, self._directory), first, None)

    def read(self, entry: Entry) -> bytes:
        """Unpack one entry.

        Raises:
            EntryError: It cannot be used; see `check_entry` and `unpack_entry`.
        """
        check_entry(entry, self._limits)
        return unpack_entry(self._entries, self._directory.base, entry)
