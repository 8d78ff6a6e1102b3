"""Films: stored pictures, one row for equal bytes of a tenant."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, select, update

from lungline.domain import new_id
from lungline.errors import StoreUnavailable
from storage.intake.film import IntakenFilm
from storage.models import FILM_GOING, FILM_KEPT, FilmRow
from storage.tally import Tally
from storage.upserts import chunks, insert_missing


@dataclass(frozen=True, slots=True)
class FilmRef:
    """A film and where its bytes are.

    Attributes:
        id: The film's id.
        object_key: Key in the object store.
        sha256: Hexadecimal digest of the stored bytes.
        format: One of `lungline.domain.FilmFormat`.
        width: Pixels.
        height: Pixels.
        size: Stored bytes.
        dropped_at: When retention dropped its pixels, in seconds since the epoch; None: they are
            stored.
    """

    id: str
    object_key: str
    sha256: str
    format: str
    width: int
    height: int
    size: int
    dropped_at: float | None = None


# In the order of FilmRef's fields: FilmRef(*row).
FILM_COLUMNS = (
    FilmRow.id,
    FilmRow.object_key,
    FilmRow.sha256,
    FilmRow.format,
    FilmRow.width,
    FilmRow.height,
    FilmRow.size,
    FilmRow.dropped_at,
)


Restore = Callable[[Collection[str]], None]
"""Stores films again, given their sha256."""


def cannot_restore(digests: Collection[str]) -> None:
    """Refuse: who uses this has no bytes at hand.

    Raises:
        StoreUnavailable: Always; the same intake begun anew stores the film anew.
    """
    raise StoreUnavailable("A film of the request was being removed. Send the request again.")


def upsert(
    connection: Connection,
    at: float,
    tenant: str,
    films: Iterable[IntakenFilm],
    tally: Tally,
    restore: Restore = cannot_restore,
) -> dict[str, str]:
    """Make sure that each film has its row, and that no deletion takes its object away.

    Args:
        connection: A write transaction.
        at: The server's time.
        tenant: Whose films.
        films: What intake took in; equal bytes may come more than once.
        tally: Takes the bytes that the tenant has more.
        restore: Stores those again whose object may be gone, given their sha256; called while
            their rows are locked, maybe several times.

    Returns:
        The film id for each sha256.
    """
    by_sha = {film.sha256: film for film in films}
    known = _ids(connection, tenant, by_sha)
    _keep(connection, at, tenant, by_sha, tally, restore)
    missing = [by_sha[sha] for sha in sorted(by_sha.keys() - known.keys())]
    if not missing:
        return known
    rows = [_row(film, tenant, at) for film in missing]
    if insert_missing(connection, FilmRow, rows) == len(rows):
        tally.stored(tenant, sum(film.size for film in missing))
        return known | {str(row["sha256"]): str(row["id"]) for row in rows}
    # Another transaction was first with some of them.
    known |= _ids(connection, tenant, by_sha)
    own = {str(row["sha256"]) for row in rows if known[str(row["sha256"])] == row["id"]}
    tally.stored(tenant, sum(film.size for film in missing if film.sha256 in own))
    _keep(connection, at, tenant, by_sha, tally, restore)
    return known


def new_bytes(connection: Connection, tenant: str, films: Iterable[IntakenFilm]) -> int:
    """Count the bytes that a tenant would have more if these films were stored, equal ones once."""
    sizes = {film.sha256: film.size for film in films}
    for some in chunks(sizes):
        kept = select(FilmRow.sha256).where(
            FilmRow.tenant == tenant, FilmRow.sha256.in_(some), FILM_KEPT
        )
        for sha256 in connection.execute(kept).scalars():
            del sizes[sha256]
    return sum(sizes.values())


def disown(connection: Connection, at: float, tenant: str, digests: Iterable[str]) -> list[str]:
    """Mark films that were stored, but that no row came to own: a purge takes their objects.

    As with any mark, an intake that stored one of them too finds it, and stores the film again.

    Args:
        connection: A write transaction.
        at: The server's time.
        tenant: Whose films; it has a row.
        digests: Their sha256. Films that have a row are let be, unless their objects had gone
            before: those go once more.

    Returns:
        The ids of the rows that are marked now.
    """
    rows = [_unowned(sha256, tenant, at) for sha256 in sorted(set(digests))]
    insert_missing(connection, FilmRow, rows)
    ids = {str(row["id"]) for row in rows}
    marked = []
    for some in chunks(str(row["sha256"]) for row in rows):
        of_them = (FilmRow.tenant == tenant, FilmRow.sha256.in_(some))
        gone = (*of_them, FILM_GOING, FilmRow.purged_at.is_not(None))
        locked = select(FilmRow.id).where(*gone).order_by(FilmRow.id).with_for_update()
        again = connection.execute(locked).scalars().all()
        if again:
            connection.execute(update(FilmRow).where(FilmRow.id.in_(again)).values(purged_at=None))
        there = connection.execute(select(FilmRow.id).where(*of_them)).scalars().all()
        marked += [*again, *ids.intersection(there)]
    return marked


def _unowned(sha256: str, tenant: str, at: float) -> dict[str, object]:
    """The row of a film of which no more than its key is known."""
    return {
        "id": new_id(),
        "tenant": tenant,
        "sha256": sha256,
        "object_key": f"{tenant}/films/{sha256}",
        "format": "unknown",
        **dict.fromkeys(("width", "height", "size"), 0),
        **dict.fromkeys(("created_at", "used_at", "deleting_at"), at),
    }


def _row(film: IntakenFilm, tenant: str, at: float) -> dict[str, object]:
    return {
        "id": new_id(),
        "tenant": tenant,
        "sha256": film.sha256,
        "object_key": film.object_key,
        "format": film.format,
        "width": film.width,
        "height": film.height,
        "size": film.size,
        "created_at": at,
        "used_at": at,
    }


def _ids(connection: Connection, tenant: str, digests: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for some in chunks(digests):
        query = (
            select(FilmRow.sha256, FilmRow.id)
            .where(FilmRow.tenant == tenant, FilmRow.sha256.in_(some))
            .order_by(FilmRow.id)
            # Until this commits, nobody takes the film (`storage.deletions`, `storage.retention`).
            .with_for_update(read=True, key_share=True)
        )
        found.update((row.sha256, row.id) for row in connection.execute(query))
    return found


def _keep(
    connection: Connection,
    at: float,
    tenant: str,
    films: Mapping[str, IntakenFilm],
    tally: Tally,
    restore: Restore,
) -> None:
    """Take films back that are marked as going: their objects are gone, or were about to go."""
    for some in chunks(films):
        marked = (FilmRow.tenant == tenant, FilmRow.sha256.in_(some), FILM_GOING)
        query = select(FilmRow.sha256).where(*marked).order_by(FilmRow.id)
        found = connection.execute(query.with_for_update()).scalars().all()
        if not found:
            continue
        restore(found)
        unmarked = {"deleting_at": None, "dropped_at": None, "purged_at": None, "used_at": at}
        for film in (films[sha256] for sha256 in found):
            tally.stored(tenant, film.size)
            # A row that `disown` made knows no more than the key.
            told = {name: getattr(film, name) for name in ("format", "width", "height", "size")}
            row = update(FilmRow).where(FilmRow.tenant == tenant, FilmRow.sha256 == film.sha256)
            connection.execute(row.values(**unmarked, **told))
