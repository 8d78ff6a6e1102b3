"""Deletion of jobs: the rows go in chunks, and the objects of films that no other job has.

A job that is deleted is gone for its tenant at once; the sweep removes what is left of it. A film
whose last item goes is marked `deleting`. Its objects are deleted while its row is locked, and the
row stays for a day: an intake that stored the film just before finds the mark, under the same lock,
and stores it again (`storage.films.upsert`). So no intake commits a film without its object.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from typing import Protocol

from sqlalchemy import Connection, Select, delete, exists, select, update

from lungline.errors import WrongState
from storage import entries, terms, transitions
from storage.audit import tell
from storage.backups import no_backup
from storage.columns import AnyRow, AnySelect
from storage.database import Database
from storage.films import disown
from storage.jobs import CHUNK_ROWS, Jobs
from storage.manifests import rows as manifest_rows
from storage.models import (
    FILM_DELETING,
    JOB_DELETED,
    EntryRow,
    EventRow,
    FilmRow,
    ItemRow,
    JobRow,
    ManifestRow,
    PredictionRow,
    TenantRow,
)
from storage.purging import delete_some, objects_of
from storage.tally import Tally
from storage.upserts import chunks, insert_missing
from storage.webhooks import is_untold

PURGED_AT_ONCE = 50
"""Films whose objects go in one transaction: on SQLite nobody else writes meanwhile."""
KEPT_SECONDS = 86_400.0
"""How long the row of a purged film stays: longer than any intake takes to store and commit."""
_PURGEABLE = (
    select(FilmRow.id, FilmRow.object_key)
    .where(FILM_DELETING, FilmRow.purged_at.is_(None))
    .order_by(FilmRow.id)
)
_COUNTED = (FilmRow.tenant, FilmRow.size, FilmRow.dropped_at)


class Deletes(Protocol):
    """An object store, as far as it is needed here."""

    def delete(self, key: str) -> None:
        """Remove an object; nothing happens where there is none."""
        ...


class Deletions:
    """Deletes jobs, and what they leave behind."""

    def __init__(self, database: Database, jobs: Jobs) -> None:
        """Keep the database, and where jobs are read."""
        self._database = database
        self._jobs = jobs

    def delete(self, tenant: str, job_id: str) -> None:
        """Let an ended job be gone; the sweep removes its rows and objects.

        Raises:
            JobNotFound: There is no such job, or it is deleted already.
            WrongState: It has not ended.
        """

        def work(connection: Connection) -> bool:
            at = self._database.time(connection)
            begun = transitions.begin_deleting(connection, at, tenant, job_id)
            if begun:
                tell(connection, at, job_id)
            return begun

        if not self._database.run(work):
            job = self._jobs.get(tenant, job_id)
            raise WrongState(
                f"The job is {job.status}; cancel it, and delete it once it has ended."
            )

    def rows(self, store: Deletes, limit: int = CHUNK_ROWS) -> int:
        """Remove entries and items of deleted jobs, at most `limit`, and jobs without any.

        None goes while a backup is taken (`storage.backups`).

        Raises:
            StoreUnavailable: The archive of a job could not be deleted; its row stays.

        Returns:
            The number of rows removed.
        """
        query = select(JobRow.id, JobRow.archive_key, JobRow.manifest_key).where(JOB_DELETED)
        with self._database.read() as connection:
            there = query.where(no_backup(self._database)).order_by(JobRow.id).limit(limit)
            jobs = connection.execute(there).all()
        done = 0
        for job in jobs:
            if done >= limit:
                break
            for remove in (entries.remove, manifest_rows.remove, self._items):
                if done < limit:
                    some = partial(remove, job_id=job.id, limit=limit - done)
                    done += self._database.run(some)
            if done < limit:
                for key in filter(None, (job.archive_key, job.manifest_key)):
                    store.delete(key)
                self._database.run(partial(_remove_job, job_id=job.id))
        return done

    def films(self, store: Deletes, limit: int = PURGED_AT_ONCE) -> int:
        """Delete the objects of films that no item has any more, at most `limit`.

        With a slow store it does less: see `storage.purging`.

        None goes while a backup is taken.

        Raises:
            StoreUnavailable: The store failed; what is left is tried again.

        Returns:
            The number of films looked at.
        """
        waiting = self._purgeable().limit(limit)
        return self._purged(waiting, store) if self._any(waiting) else 0

    def abandoned(self, store: Deletes, tenant: str, digests: Collection[str]) -> None:
        """Remove films that intake has stored and no job came to have.

        The mark is committed first: see `storage.films.disown`. While a backup is taken they are
        left to the sweep.

        Args:
            store: Where they are.
            tenant: Whose.
            digests: Their sha256; those that a row owns stay.

        Raises:
            StoreUnavailable: The store failed; the sweep goes on.
            DatabaseUnavailable: The database failed; the object audit finds what is left.
        """
        every = sorted(digests)

        def mark(connection: Connection, some: Sequence[str]) -> list[str]:
            at = self._database.time(connection)
            insert_missing(connection, TenantRow, [{"id": tenant, "created_at": at}])
            return disown(connection, at, tenant, some)

        for start in range(0, len(every), PURGED_AT_ONCE):
            some = every[start : start + PURGED_AT_ONCE]
            ids = self._database.run(partial(mark, some=some))
            self._purged(self._purgeable().where(FilmRow.id.in_(ids)), store)

    def forget(self, limit: int = CHUNK_ROWS) -> int:
        """Remove the rows of films that were purged long ago.

        Returns:
            The number of rows removed.
        """
        old = (
            select(FilmRow.id)
            .where(FILM_DELETING, FilmRow.purged_at < self._database.now() - KEPT_SECONDS)
            .where(~exists().where(ItemRow.film_id == FilmRow.id))
            .order_by(FilmRow.id)
            .limit(limit)
        )

        def work(connection: Connection) -> int:
            locked = old.with_for_update(skip_locked=True)
            ids = connection.execute(locked).scalars().all()
            for some in chunks(ids):
                connection.execute(delete(FilmRow).where(FilmRow.id.in_(some)))
            return len(ids)

        return self._database.run(work) if self._any(old) else 0

    def _items(self, connection: Connection, job_id: str, limit: int) -> int:
        """Remove items of a job, and mark the films that nobody has any more."""
        ids = transitions.lock_items(connection, ItemRow.job_id == job_id, limit=limit)
        if not ids:
            return 0
        at = self._database.time(connection)
        tally = Tally()
        films = transitions.delete_items(connection, ids, tally)
        for some in chunks(sorted(films)):
            _mark(connection, at, some, tally)
        transitions.settle(connection, at, tally)
        return len(ids)

    def _purgeable(self) -> Select[str, str]:
        return _PURGEABLE.where(no_backup(self._database))

    def _purged(self, waiting: AnySelect, store: Deletes) -> int:
        def work(connection: Connection) -> int:
            locked = waiting.with_for_update(skip_locked=True)
            return self._purge(connection, connection.execute(locked).all(), store)

        return self._database.run(work)

    def _purge(self, connection: Connection, rows: Sequence[AnyRow], store: Deletes) -> int:
        at = self._database.time(connection)
        ids = [row.id for row in rows]
        # An item may have come since the film was marked: its intake found the object in place.
        used = set(
            connection.execute(
                select(ItemRow.film_id).where(ItemRow.film_id.in_(ids)).distinct()
            ).scalars()
        )
        gone = [row for row in rows if row.id not in used]
        gone_ids = delete_some(store, objects_of(connection, gone))
        predicted = PredictionRow.film_id.in_(gone_ids)
        connection.execute(delete(PredictionRow).where(predicted))
        mark, tally = update(FilmRow), Tally()
        kept = mark.where(FilmRow.id.in_(used)).values(deleting_at=None)
        for row in connection.execute(kept.returning(*_COUNTED)):
            if row.dropped_at is None:
                tally.stored(row.tenant, row.size)
        connection.execute(mark.where(FilmRow.id.in_(gone_ids)).values(purged_at=at))
        transitions.settle(connection, at, tally)
        return len(rows)

    def _any(self, query: AnySelect | Select[str]) -> bool:
        """Look before writing: a sweep that finds nothing takes no write lock on SQLite."""
        with self._database.read() as connection:
            return connection.execute(query.limit(1)).first() is not None


def _mark(connection: Connection, at: float, film_ids: list[str], tally: Tally) -> None:
    """Mark films that no item has any more; they no longer count for their tenant."""
    orphan = select(FilmRow.id).where(
        FilmRow.id.in_(film_ids), ~exists().where(ItemRow.film_id == FilmRow.id)
    )
    ids = connection.execute(orphan.order_by(FilmRow.id).with_for_update()).scalars().all()
    marked = update(FilmRow).where(FilmRow.id.in_(ids), FilmRow.deleting_at.is_(None))
    # A dropped film is no longer counted, but its predictions are still to be removed.
    lost = marked.values(deleting_at=at, purged_at=None).returning(*_COUNTED)
    for row in connection.execute(lost):
        if row.dropped_at is None:
            tally.stored(row.tenant, -row.size)


def _remove_job(connection: Connection, job_id: str) -> None:
    empty = [~exists().where(row.job_id == job_id) for row in (EntryRow, ManifestRow, ItemRow)]
    job = select(JobRow.id).where(JobRow.id == job_id, JOB_DELETED, *empty).with_for_update()
    # Who is to be told that it ended reads its events first; the sweep comes back for it.
    if connection.execute(job).first() is not None and not is_untold(connection, job_id):
        connection.execute(delete(EventRow).where(EventRow.job_id == job_id))
        terms.forget(connection, [job_id])
        connection.execute(delete(JobRow).where(JobRow.id == job_id))
