"""The stored films of another job, in slices as if they were the entries of an archive."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from lungline.errors import FILM_CODES, JOB_CODES, JobNotFound
from storage.entries import NewEntry
from storage.expansions import Expansion
from storage.items import NewItem
from storage.lineage import SourceFilm
from workers.archive import ArchiveError
from workers.parts import Parts
from workers.slices import FIRST_SLICE, Slice

_DROPPED = "film_dropped"


class FilmsGone(Exception):
    """Films have lost their pixels since they were listed.

    Attributes:
        digests: The sha256 of each.
    """

    def __init__(self, digests: Collection[str]) -> None:
        """Keep them."""
        super().__init__()
        self.digests = frozenset(digests)


def reread(parts: Parts, expansion: Expansion) -> Iterator[Slice]:
    """Yield what is still to be committed of the job whose films are read again, in its order.

    Nothing is read from the store, and nothing stored.

    Raises:
        ArchiveError: `source_deleted`; what came before has been yielded.
    """
    source, tenant = expansion.from_job or "", expansion.tenant
    lineage, most = parts.repository.lineage, parts.settings.expand_slice
    cursor, last = expansion.cursor, False
    try:
        total = lineage.total(tenant, source)
        while not last:
            limit = most if cursor else min(most, FIRST_SLICE)
            films = lineage.films(tenant, source, cursor, limit)
            last = len(films) < limit
            piece = Slice(cursor, limit, total=total, last=last)
            for film in films:
                piece.add(_entry(film))
            yield piece
            cursor = piece.cursor
    except JobNotFound:
        raise ArchiveError("source_deleted", JOB_CODES["source_deleted"]) from None


def without(piece: Slice, digests: Collection[str]) -> Slice:
    """The slice with these films rejected."""
    return replace(piece, entries=[_rejected(entry, digests) for entry in piece.entries])


def _entry(film: SourceFilm) -> NewEntry:
    if film.film is None:  # refused when it came: there is nothing to be read
        return NewEntry(film.name, None)
    item = NewItem(film.name, film.film, external=film.external)
    entry = NewEntry(film.name, item, film.film.size, film.film.sha256)
    return _rejected(entry, {film.film.sha256}) if film.dropped else entry


def _rejected(entry: NewEntry, digests: Collection[str]) -> NewEntry:
    item = entry.item
    if item is None or item.film is None or item.film.sha256 not in digests:
        return entry
    error = (_DROPPED, FILM_CODES[_DROPPED])
    return replace(entry, item=replace(item, film=None, error=error))
