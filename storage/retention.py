"""Retention: what a tenant may keep no longer goes by its age, each kind by a rule of its own.

Results are whole jobs. Films are pixels: a film that no item needed for long is `dropped`. Its
objects go, its findings stay. As with deletions the mark comes first, and the objects are deleted
while the row is locked: an intake that has the same film finds the mark, under the same lock, and
stores the film again (`storage.films.upsert`). A film that an item waits for is never dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from functools import partial
from typing import NamedTuple, Protocol

from sqlalchemy import Connection, bindparam, case, func, select, update

from lungline.domain import TERMINAL_JOB_STATUSES, ItemStatus, first_id
from storage import transitions
from storage.backups import no_backup
from storage.columns import AnyRow, AnySelect
from storage.database import Database
from storage.models import (
    FILM_DROPPED,
    FILM_KEPT,
    JOB_WITH_ARCHIVE,
    UPLOAD_HELD,
    FilmRow,
    ItemRow,
    JobRow,
    PredictionRow,
    RemovalRow,
    TenantRow,
    UploadRow,
)
from storage.purging import delete_some, objects_of
from storage.tally import Tally
from storage.upserts import chunks, insert_missing

DAY = 86_400.0
FILMS_AT_ONCE = 50
"""Films whose objects go in one transaction: on SQLite nobody else writes meanwhile."""
_ACTIVE = (ItemStatus.QUEUED, ItemStatus.RUNNING)


class Kind(StrEnum):
    """What retention removes."""

    JOBS = "jobs"
    FILMS = "films"
    UPLOADS = "uploads"
    ARCHIVES = "archives"


class Step(NamedTuple):
    """What one chunk of work came to.

    Attributes:
        looked: Rows looked at: fewer than the limit say that there are no more.
        removed: Those of them that went.
    """

    looked: int
    removed: int


class Store(Protocol):
    """An object store, as far as it is needed here."""

    def delete(self, key: str) -> None:
        """Remove an object; nothing happens where there is none."""
        ...

    def exists(self, key: str) -> bool:
        """Whether there is an object under the key."""
        ...


class Retention:
    """Removes what is old, and counts it."""

    def __init__(self, database: Database) -> None:
        """Keep the database."""
        self._database = database

    def tenants(self) -> list[str]:
        """List all tenants."""
        with self._database.read() as connection:
            return list(connection.execute(select(TenantRow.id).order_by(TenantRow.id)).scalars())

    def jobs(self, tenant: str, days: float, limit: int) -> Step:
        """Delete jobs that ended more than so many days ago, with their findings, oldest first.

        Ids begin with the time of birth, and a job is born before it ends, so the index on them
        leads to the old jobs alone.
        """
        cutoff = self._before(days)
        old = (
            select(JobRow.id)
            .where(JobRow.tenant == tenant, JobRow.id < first_id(int(cutoff * 1000)))
            .where(JobRow.finished_at < cutoff, JobRow.deleted_at.is_(None))
            .order_by(JobRow.id)
            .limit(limit)
        )

        def work(connection: Connection, ids: Sequence[str]) -> int:
            at = self._database.time(connection)
            gone = [transitions.begin_deleting(connection, at, tenant, one) for one in ids]
            return _count(connection, Kind.JOBS, sum(gone))

        ids = self._ids(old)
        return Step(len(ids), self._database.run(partial(work, ids=ids)) if ids else 0)

    def uploads(self, tenant: str, days: float, limit: int) -> Step:
        """Let uploads be gone that began more than so many days ago and are no jobs."""
        old = (
            select(UploadRow.id)
            .where(UploadRow.tenant == tenant, UPLOAD_HELD)
            .where(UploadRow.created_at < self._before(days))
            .order_by(UploadRow.id)
            .limit(limit)
        )

        def work(connection: Connection) -> Step:
            locked = old.with_for_update(skip_locked=True)
            ids = list(connection.execute(locked).scalars())
            at = self._database.time(connection)
            gone = transitions.expire_uploads(connection, at, ids)
            return Step(len(ids), _count(connection, Kind.UPLOADS, gone))

        return self._database.run(work) if self._ids(old.limit(1)) else Step(0, 0)

    def archives(self, tenant: str, days: float, limit: int) -> Step:
        """Mark archives, and manifests, as spent that were kept of jobs which ended so long ago.

        They go by `Expansions.remove_spent`. A job that is being retried keeps its own.
        """
        cutoff = self._before(days)
        old = (
            select(JobRow.id)
            .where(JOB_WITH_ARCHIVE, ~JobRow.archive_spent, JobRow.tenant == tenant)
            .where(JobRow.id < first_id(int(cutoff * 1000)), JobRow.finished_at < cutoff)
            .where(JobRow.status.in_(TERMINAL_JOB_STATUSES), JobRow.deleted_at.is_(None))
            .order_by(JobRow.id)
            .limit(limit)
        )

        def work(connection: Connection) -> Step:
            locked = old.with_for_update(skip_locked=True)
            ids = list(connection.execute(locked).scalars())
            change = update(JobRow).where(JobRow.id.in_(ids))
            connection.execute(change.values(archive_spent=True))
            return Step(len(ids), _count(connection, Kind.ARCHIVES, len(ids)))

        return self._database.run(work) if self._ids(old.limit(1)) else Step(0, 0)

    def mark(self, tenant: str, days: float, limit: int) -> Step:
        """Mark films as dropped that no item needed in so many days; their objects go by `films`.

        `used_at` leads to those that may be meant. What is not gets the time of its last item, so
        that the next sweep looks at others.
        """
        cutoff = self._before(days)
        old = (
            select(FilmRow.id)
            .where(FILM_KEPT, FilmRow.tenant == tenant, FilmRow.used_at < cutoff)
            .order_by(FilmRow.used_at)
            .limit(limit)
        )

        def work(connection: Connection) -> Step:
            # Who holds a film gives it an item: it is not old.
            locked = old.with_for_update(skip_locked=True)
            ids = list(connection.execute(locked).scalars())
            at = self._database.time(connection)
            used = _last_used(connection, at, ids)
            gone = [film_id for film_id in ids if used.get(film_id, 0.0) < cutoff]
            kept = [{"film": one, "at": used[one]} for one in ids if one not in set(gone)]
            tally = Tally()
            _change_marks(connection, gone, at, tally)
            if kept:
                known = update(FilmRow).where(FilmRow.id == bindparam("film"))
                connection.execute(known.values(used_at=bindparam("at")), kept)
            transitions.settle(connection, at, tally)
            return Step(len(ids), len(gone))

        return self._database.run(work) if self._ids(old.limit(1)) else Step(0, 0)

    def films(self, store: Store, limit: int = FILMS_AT_ONCE) -> Step:
        """Delete the objects of dropped films: the film, its view and its masks.

        None goes while a backup is taken.

        Raises:
            StoreUnavailable: The store failed; what is left is tried again.
        """
        waiting = (
            select(FilmRow.id, FilmRow.object_key)
            .where(FILM_DROPPED, FilmRow.deleting_at.is_(None), no_backup(self._database))
            .order_by(FilmRow.id)
            .limit(limit)
        )

        def work(connection: Connection) -> Step:
            rows = connection.execute(waiting.with_for_update(skip_locked=True)).all()
            at = self._database.time(connection)
            # An item may have come since the film was marked, by a retry for instance. A purge
            # that died may have deleted objects all the same: then the film stays dropped.
            active = _active(connection, [row.id for row in rows])
            kept = {row.id for row in rows if row.id in active and store.exists(row.object_key)}
            tally = Tally()
            _change_marks(connection, sorted(kept), None, tally)
            gone = [row for row in rows if row.id not in kept]
            removed = _purge(connection, at, gone, store)
            transitions.settle(connection, at, tally)
            return Step(len(rows), _count(connection, Kind.FILMS, removed))

        return self._database.run(work) if self._ids(waiting.limit(1)) else Step(0, 0)

    def removed(self) -> dict[Kind, int]:
        """How many of each kind were removed, ever."""
        with self._database.read() as connection:
            rows = connection.execute(select(RemovalRow.kind, RemovalRow.count)).all()
        found = {kind: int(count) for kind, count in rows}
        return {kind: found.get(kind, 0) for kind in Kind}

    def _before(self, days: float) -> float:
        with self._database.read() as connection:
            return self._database.time(connection) - days * DAY

    def _ids(self, query: AnySelect) -> list[str]:
        """Look before writing: a sweep that finds nothing takes no write lock on SQLite."""
        with self._database.read() as connection:
            return list(connection.execute(query).scalars())


def _last_used(connection: Connection, at: float, film_ids: Sequence[str]) -> dict[str, float]:
    """When each film's last item ended; `at` where one has not."""
    found: dict[str, float] = {}
    ended = case((ItemRow.status.in_(_ACTIVE), at), else_=func.coalesce(ItemRow.finished_at, at))
    for some in chunks(film_ids):
        query = select(ItemRow.film_id, func.max(ended)).where(ItemRow.film_id.in_(some))
        found.update(
            (str(row[0]), row[1]) for row in connection.execute(query.group_by(ItemRow.film_id))
        )
    return found


def _active(connection: Connection, film_ids: Sequence[str]) -> set[str]:
    query = select(ItemRow.film_id).where(
        ItemRow.film_id.in_(film_ids), ItemRow.status.in_(_ACTIVE)
    )
    return {str(film_id) for film_id in connection.execute(query.distinct()).scalars()}


def _change_marks(
    connection: Connection, film_ids: Sequence[str], dropped_at: float | None, tally: Tally
) -> None:
    """Mark films as dropped, or no longer (None); those that are do not count for their tenant."""
    sign = 1 if dropped_at is None else -1
    for some in chunks(film_ids):
        change = update(FilmRow).where(FilmRow.id.in_(some)).values(dropped_at=dropped_at)
        for row in connection.execute(change.returning(FilmRow.tenant, FilmRow.size)):
            tally.stored(row.tenant, sign * row.size)


def _purge(connection: Connection, at: float, rows: Sequence[AnyRow], store: Store) -> int:
    """Remove what a moment is enough for; return the number of films."""
    ids = delete_some(store, objects_of(connection, rows))
    theirs = PredictionRow.film_id.in_(ids)
    bare = {"mask_key": None, "view_key": None, "dropped_at": at}
    connection.execute(update(PredictionRow).where(theirs).values(**bare))
    connection.execute(update(FilmRow).where(FilmRow.id.in_(ids)).values(purged_at=at))
    return len(ids)


def _count(connection: Connection, kind: Kind, removed: int) -> int:
    if removed:
        insert_missing(connection, RemovalRow, [{"kind": kind, "count": 0}])
        row = update(RemovalRow).where(RemovalRow.kind == kind)
        connection.execute(row.values(count=RemovalRow.count + removed))
    return removed
