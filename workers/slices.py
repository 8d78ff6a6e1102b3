"""An archive in pieces that are committed together: bounded in items, bytes and time."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Self

from lungline.archives import HEAD_BYTES, ArchiveFormat, archive_format
from lungline.errors import FilmRejected, PrefixNotAllowed
from lungline.settings import Settings
from storage.entries import NewEntry
from storage.expansions import Expansion
from storage.intake import FilmIntake, PreparedFilm
from storage.items import NewItem
from storage.sources import Found, Source, open_source
from workers.archive import (
    Archive,
    ArchiveError,
    ArchiveLimits,
    EntryError,
    FolderArchive,
    Named,
    RangeReader,
    TarArchive,
    ZipArchive,
    is_ignored,
    is_no_film,
)
from workers.parts import Parts

FIRST_SLICE = 16
"""Entries of an archive's first slice: few, so that reading starts at once."""
MOST_ENTRIES = 2_000
"""Entries of a slice, when most of them are no films."""
MOST_NAME = 1_000
"""Characters of a name that are kept: archives may hold names of a megabyte."""
SLICE_BYTES = 32 * 1024 * 1024
"""Films held in memory until they are stored together."""
SLICE_SECONDS = 5.0
"""A slice is committed after this long even if it is not full: progress shows, little is redone."""


@dataclass(slots=True)
class Slice:
    """Entries that are committed together.

    Attributes:
        cursor: Entries of the archive up to and including the last of the slice.
        most: Films it holds at most, good and bad.
        entries: What became of each of its entries.
        films: The good films, to be stored before the entries are committed.
        items: Films, good and bad.
        size: Bytes of the good ones.
        offset: Where the next entry begins, once the slice is stored; see `Archive.offset`.
        after: See `Archive.after`.
        total: See `Archive.entries_total`.
        last: Whether the archive has ended with it.
        ends: When it is committed even if it is not full, by the monotonic clock.
    """

    cursor: int
    most: int
    entries: list[NewEntry] = field(default_factory=list)
    films: list[PreparedFilm] = field(default_factory=list)
    items: int = 0
    size: int = 0
    offset: int | None = None
    after: str | None = None
    total: int | None = None
    last: bool = False
    ends: float = field(default_factory=lambda: time.monotonic() + SLICE_SECONDS)

    def ignore(self, entry: Named, data: bytes | None = None) -> None:
        """Add an entry that nobody means as a film."""
        self._add(entry, data, None)

    def accept(self, entry: Named, data: bytes, film: PreparedFilm) -> None:
        """Add an entry that is a film."""
        self._add(entry, data, NewItem(_shown(entry), film.film))
        self.films.append(film)
        self.size += film.film.size

    def reject(self, entry: Named, data: bytes | None, error: EntryError | FilmRejected) -> None:
        """Add an entry that cannot be read: its item is born failed."""
        self._add(entry, data, NewItem(_shown(entry), None, (error.code, error.message)))

    def _add(self, entry: Named, data: bytes | None, item: NewItem | None) -> None:
        digest = None if data is None else hashlib.sha256(data).hexdigest()
        self.add(NewEntry(_shown(entry), item, entry.size, digest))

    def add(self, entry: NewEntry) -> None:
        """Add an entry whose film, if it has one, is in the store already."""
        self.cursor += 1
        self.entries.append(entry)
        self.items += entry.item is not None

    def stored(self, intake: FilmIntake, archive: Archive[Any]) -> Self:
        """Store the good films; then the slice can be committed."""
        intake.store_all(self.films)
        self.offset, self.after, self.total = archive.offset, archive.after, archive.entries_total
        return self

    @property
    def full(self) -> bool:
        """Whether it should be committed."""
        return (
            self.items >= self.most
            or len(self.entries) >= MOST_ENTRIES
            or self.size >= SLICE_BYTES
            or time.monotonic() > self.ends
        )


def _shown(entry: Named) -> str:
    """The end of a name too long is kept, as it tells films apart."""
    return entry.name[-MOST_NAME:]


def open_archive(parts: Parts, expansion: Expansion, read_range: RangeReader) -> Archive[Any]:
    """Open the archive where it lies, by ranged reads; its bytes say of which kind it is.

    Raises:
        ArchiveError: It cannot be read as a whole.
        ObjectNotFound: It is gone.
    """
    size, limits = expansion.archive_size or 0, archive_limits(parts.settings)
    if expansion.prefix is not None:
        return _open_folder(parts, expansion, limits)
    kind = archive_format(read_range(0, HEAD_BYTES))
    if kind is None or kind is ArchiveFormat.ZIP:  # a zip may have a program in front
        return ZipArchive.open(read_range, size, limits)
    return TarArchive.open(kind, read_range, size, limits, expansion.offset or 0)


def _open_folder(parts: Parts, expansion: Expansion, limits: ArchiveLimits) -> FolderArchive:
    """Open a folder outside the service; with a manifest, the files that it lists."""
    try:
        source = open_source(parts.settings, expansion.tenant, expansion.prefix or "")
    except PrefixNotAllowed as error:  # not any more
        raise ArchiveError("prefix_unreadable", error.message) from None
    files = None
    if expansion.manifest_key is not None:
        files = partial(_listed, parts, expansion.job_id, source)
    return FolderArchive(source, limits, expansion.offset or 0, expansion.after, files)


def _listed(parts: Parts, job_id: str, source: Source, after: str | None) -> Iterator[Found]:
    """Yield the files that a manifest names, in its order; the mark of each is its line."""
    line = int(after or 0)
    while names := parts.repository.expansions.listed(job_id, line):
        for line, name in names:
            yield replace(source.named(name), mark=str(line))


def archive_limits(settings: Settings) -> ArchiveLimits:
    """What an archive may cost."""
    return ArchiveLimits(
        max_entries=settings.max_archive_entries,
        max_entry_bytes=settings.max_film_bytes,
        max_total_bytes=settings.max_archive_bytes,
        max_ratio=settings.max_archive_ratio,
    )


def slices(parts: Parts, expansion: Expansion, archive: Archive[Any]) -> Iterator[Slice]:
    """Yield what is still to be committed, in order, in pieces of bounded size and time.

    Raises:
        ArchiveError: The archive cannot be read further; what came before has been yielded.
        StorageQuotaReached: The tenant may not have what comes next; it is not stored.
    """
    intake = FilmIntake(parts.store, parts.settings)
    most = parts.settings.expand_slice
    piece = Slice(expansion.cursor, most if expansion.cursor else min(most, FIRST_SLICE))
    fault = None
    try:
        for entry in archive.entries(expansion.cursor):
            _take(piece, intake, expansion.tenant, archive, entry)
            if piece.full:
                yield _stored(parts, expansion, piece, intake, archive)
                piece = Slice(piece.cursor, most)
    except ArchiveError as error:
        fault = error
    piece.last = fault is None
    yield _stored(parts, expansion, piece, intake, archive)
    if fault is not None:
        raise fault


def _stored(
    parts: Parts, expansion: Expansion, piece: Slice, intake: FilmIntake, archive: Archive[Any]
) -> Slice:
    parts.repository.expansions.check(expansion, [each.film for each in piece.films])
    return piece.stored(intake, archive)


def _take(
    piece: Slice, intake: FilmIntake, tenant: str, archive: Archive[Any], entry: Named
) -> None:
    """Unpack and check one entry."""
    if is_ignored(entry.name):
        piece.ignore(entry)
        return
    data = None
    try:
        data = archive.read(entry)
        piece.accept(entry, data, intake.prepare(tenant, data))
    except (EntryError, FilmRejected) as error:
        if is_no_film(entry.name, error.code):
            piece.ignore(entry, data)
        else:
            piece.reject(entry, data, error)
