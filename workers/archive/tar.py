"""A tar archive, plain or packed, read front to back, entry by entry, trusting nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lungline.archives import ArchiveFormat
from workers.archive.errors import ArchiveError, corrupt, unreadable
from workers.archive.headers import (
    BLOCK,
    FOLDERS,
    LABEL,
    LONG_LINK,
    LONG_NAME,
    MOST_EXTENDED,
    PAX,
    PAX_GLOBAL,
    REGULAR,
    Extended,
    Header,
    display_name,
    parse_header,
    sparse_continues,
)
from workers.archive.limits import ArchiveLimits
from workers.archive.source import RangeReader, Source
from workers.archive.stream import Stream, open_stream
from workers.archive.unpack import check_bytes, check_name, check_special, refuse_archive

_EXTENDED = frozenset({PAX, PAX_GLOBAL, LONG_NAME, LONG_LINK, LABEL})
_MOST_EXTENDED_HEADERS = 16
"""Extended headers in front of one entry; programs write up to three."""


@dataclass(frozen=True, slots=True)
class TarEntry:
    """One entry.

    Attributes:
        name: Readable, with `/`; for display only.
        size: Bytes, as its header states it.
        start: Where they begin in the unpacked stream.
        special: It is a link, a device, a sparse file or the like.
        problem: Why it cannot be trusted, if so.
    """

    name: str
    size: int
    start: int
    special: bool
    problem: str | None

    @property
    def end(self) -> int:
        """Where the next header begins."""
        return self.start + -(-self.size // BLOCK) * BLOCK


class TarArchive:
    """Reads one archive; a window of it and one entry are held. Not for several threads.

    Attributes:
        entries_total: Entries; None until the end is reached.
        offset: Where the next entry begins in the unpacked stream: reading goes on there later.
        after: None: `offset` is enough.
    """

    after: None = None

    def __init__(self, stream: Stream, limits: ArchiveLimits, offset: int) -> None:
        """Use `open`."""
        self._stream, self._limits = stream, limits
        self.entries_total: int | None = None
        self.offset = offset

    @classmethod
    def open(
        cls,
        kind: ArchiveFormat,
        read_range: RangeReader,
        size: int,
        limits: ArchiveLimits,
        offset: int = 0,
    ) -> TarArchive:
        """Go to where reading begins.

        Args:
            kind: How it is packed.
            read_range: Reads the archive, see `RangeReader`; what it raises passes through.
            size: The archive's bytes.
            limits: What it may cost.
            offset: As `offset` was after the last entry that was read before.

        Raises:
            ArchiveError: The archive cannot be read so far.
        """
        stream = open_stream(kind, Source(read_range, size), limits)
        stream.skip_to(offset)
        return cls(stream, limits, offset)

    def entries(self, first: int = 0) -> Iterator[TarEntry]:
        """Yield the entries from `offset` on, the first of which has the number `first`.

        Each must be read before the next one is asked for.

        Raises:
            ArchiveError: The archive cannot be read further: `archive_unreadable`,
                `too_many_entries`, `archive_too_large`, `suspicious_ratio`.
        """
        count = first
        while (entry := self._next()) is not None:
            count += 1
            if count > self._limits.max_entries:
                raise ArchiveError(
                    "too_many_entries",
                    f"The archive has more than {self._limits.max_entries:,} entries, the limit.",
                )
            self.offset = entry.end
            yield entry
            self._stream.skip_to(entry.end)
        self._stream.finish()
        self.entries_total = count

    def read(self, entry: TarEntry) -> bytes:
        """Read the entry that `entries` has just given.

        Raises:
            EntryError: `unsafe_name`, `special_entry`, `too_large`, `corrupt_entry`,
                `nested_archive`.
            ArchiveError: The archive cannot be read further.
        """
        check_name(entry.name)
        check_special(entry.special)
        check_bytes(entry.size, self._limits)
        if entry.problem:
            raise corrupt(entry.problem)
        data = self._stream.read(entry.size)
        if len(data) < entry.size:
            raise corrupt("the archive ends inside it")
        refuse_archive(data)
        return data

    def _next(self) -> TarEntry | None:
        extended = Extended()
        for _ in range(_MOST_EXTENDED_HEADERS + 1):
            header = parse_header(self._stream.read(BLOCK))
            if header is None:
                return None
            if header.kind not in _EXTENDED:
                return self._entry(header, extended)
            self._extend(header, extended)
        raise unreadable("an entry has more extended headers than any program writes")

    def _extend(self, header: Header, extended: Extended) -> None:
        start = self._stream.position
        if header.size <= MOST_EXTENDED:
            extended.take(header.kind, self._stream.read(header.size))
        elif header.kind in (PAX, LONG_NAME):
            extended.problem = "its extended header is longer than any program writes"
        self._stream.skip_to(start + -(-header.size // BLOCK) * BLOCK)

    def _entry(self, header: Header, extended: Extended) -> TarEntry:
        continues = header.continues
        while continues:
            continues = sparse_continues(self._stream.read(BLOCK))
        raw = header.name if extended.name is None else extended.name
        plain = header.kind in REGULAR and not extended.sparse
        # Data follow where the header itself says so; an extended one may only tell how many.
        size = header.size
        if extended.size is not None and header.kind in REGULAR:
            size = extended.size
        return TarEntry(
            name=display_name(raw, header.kind),
            size=size,
            start=self._stream.position,
            special=not plain and header.kind not in FOLDERS,
            problem=extended.problem,
        )
