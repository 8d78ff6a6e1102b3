"""Repairs: what the sweep does. Each is harmless when run twice, also at the same time."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, select, update

from lungline.domain import ItemStatus, JobStatus
from lungline.errors import JOB_CODES
from storage import transitions
from storage.control import Control
from storage.database import Database
from storage.jobs import CHUNK_ROWS, Jobs
from storage.models import (
    FILM_KEPT,
    ITEM_RUNNING,
    JOB_EXPANDING,
    JOB_EXPIRING,
    JOB_LIVE,
    JOB_RETRIED,
    FilmRow,
    ItemRow,
    JobRow,
    TenantRow,
)
from storage.setback import shorten_leases
from storage.tally import Tally


class Repairs:
    """Puts right what died, in chunks."""

    def __init__(self, database: Database, jobs: Jobs, control: Control, max_attempts: int) -> None:
        """Keep the database and the number of attempts an item or an archive has."""
        self._database = database
        self._jobs = jobs
        self._control = control
        self._max_attempts = max_attempts

    def late_leases(self, lease_seconds: float, limit: int = CHUNK_ROWS) -> int:
        """Shorten leases that end too late since the server's clock was set back.

        Args:
            lease_seconds: How long a lease of a worker holds without renewal, here.
            limit: Most of each kind.

        Returns:
            The number of films, archives, exports, uploads and deliveries under them.
        """
        return shorten_leases(self._database, lease_seconds, limit)

    def expired_leases(self, limit: int = CHUNK_ROWS) -> int:
        """Take back films whose worker did not renew its lease.

        They are read alone from then on. One that was alone already has used up an attempt, and
        fails with its last.

        Returns:
            The number of films taken back.
        """
        expired = ItemRow.lease_expires_at < self._database.now()

        def work(connection: Connection) -> int:
            ids = transitions.lock_items(
                connection, ITEM_RUNNING, expired, limit=limit, skip_locked=True
            )
            at = self._database.time(connection)
            tally = Tally()
            count = transitions.bury_items(connection, at, ids, self._max_attempts, tally)
            transitions.settle(connection, at, tally)
            return count

        some = select(ItemRow.id).where(ITEM_RUNNING, expired)
        return self._database.run(work) if self._any(some) else 0

    def expired_expansions(self, max_attempts: int | None = None) -> int:
        """Take back archives whose expander did not renew its lease.

        Args:
            max_attempts: Deaths without a slice between them after which the archive is given up.

        Returns:
            The number of archives taken back.
        """
        most = self._max_attempts if max_attempts is None else max_attempts
        expired = (
            select(JobRow.id)
            .where(JOB_EXPANDING, JobRow.expand_lease_expires_at < self._database.now())
            .order_by(JobRow.id)
            .limit(CHUNK_ROWS)
        )

        def work(connection: Connection) -> int:
            locked = expired.with_for_update(skip_locked=True)
            ids = list(connection.execute(locked).scalars())
            for job_id in ids:
                self._release(connection, job_id, most)
            return len(ids)

        return self._database.run(work) if self._any(expired) else 0

    def cancelling(self, limit: int = CHUNK_ROWS) -> int:
        """Cancel queued films of jobs that are being cancelled, at most `limit`.

        Returns:
            The number of films cancelled.
        """
        query = select(JobRow.id).where(JOB_LIVE, JobRow.status == JobStatus.CANCELLING)
        with self._database.read() as connection:
            job_ids = list(connection.execute(query.order_by(JobRow.id).limit(limit)).scalars())
        done = 0
        for job_id in job_ids:
            if done >= limit:
                break
            done += self._jobs.drain(job_id, limit - done)
        return done

    def expired_jobs(self, limit: int = CHUNK_ROWS, *, keep: bool = True) -> int:
        """Stop jobs whose time is over; `cancelling` takes them to their end.

        Args:
            limit: Most jobs.
            keep: As in `Jobs.cancel`.

        Returns:
            The number of jobs stopped.
        """
        query = (
            select(JobRow.id)
            .where(JOB_EXPIRING, JobRow.expires_at <= self._database.now())
            .order_by(JobRow.id)
            .limit(limit)
        )

        def work(connection: Connection) -> int:
            at = self._database.time(connection)
            ids = connection.execute(query.with_for_update(skip_locked=True)).scalars().all()
            stop = transitions.begin_expiring
            return sum(stop(connection, at, job_id, keep=keep) for job_id in ids)

        return self._database.run(work) if self._any(query) else 0

    def retried(self, limit: int = CHUNK_ROWS) -> int:
        """Put failed films of retried jobs back into the queue, at most `limit`.

        Returns:
            The number of films put back.
        """
        query = select(JobRow.id).where(JOB_RETRIED).order_by(JobRow.id).limit(limit)
        with self._database.read() as connection:
            job_ids = list(connection.execute(query).scalars())
        done = 0
        for job_id in job_ids:
            if done >= limit:
                break
            done += self._control.retry_some(job_id, limit - done)
        return done

    def finishable(self, limit: int = CHUNK_ROWS) -> int:
        """End jobs that have nothing left to read, should one have been missed."""
        query = select(JobRow.id).where(*transitions.DRAINED)

        def work(connection: Connection) -> int:
            at = self._database.time(connection)
            ids = connection.execute(query.order_by(JobRow.id).limit(limit)).scalars().all()
            return sum(transitions.end_if_drained(connection, at, job_id) for job_id in ids)

        return self._database.run(work) if self._any(query) else 0

    def check_counters(self) -> list[str]:
        """Compare the counters of every job with its items, and of tenants with their films.

        Returns:
            A line for each difference; empty when all is well.
        """
        counters: dict[str, ColumnElement[int]] = {
            status.value: func.count().filter(ItemRow.status == status) for status in ItemStatus
        }
        counters["total"] = func.count()
        counters["reused"] = func.count().filter(ItemRow.reused)
        columns = [expression.label(name) for name, expression in counters.items()]
        counted = select(ItemRow.job_id, *columns).group_by(ItemRow.job_id).subquery()
        query = select(
            JobRow.id,
            *[getattr(JobRow, name).label(f"kept_{name}") for name in counters],
            *[func.coalesce(counted.c[name], 0).label(name) for name in counters],
        ).outerjoin(counted, counted.c.job_id == JobRow.id)
        with self._database.read() as connection:
            rows = connection.execute(query).mappings().all()
            tenants = connection.execute(_film_bytes()).all()
        bytes_off = [
            f"tenant {row.id}: film_bytes is {row.film_bytes}, its films say {row.stored}"
            for row in tenants
            if row.film_bytes != row.stored
        ]
        return [line for row in rows for line in _differences(row, list(counters))] + bytes_off

    def _any(self, query: Select[str]) -> bool:
        """Look before writing: a sweep that finds nothing takes no write lock on SQLite."""
        with self._database.read() as connection:
            return connection.execute(query.limit(1)).first() is not None

    def _release(self, connection: Connection, job_id: str, most: int) -> None:
        change = update(JobRow).where(JobRow.id == job_id, JOB_EXPANDING)
        attempts = connection.execute(
            change.values(
                expand_lease_id=None,
                expand_worker_id=None,
                expand_lease_expires_at=None,
                expand_attempts=JobRow.expand_attempts + 1,
            ).returning(JobRow.expand_attempts)
        ).scalar_one()
        if attempts >= most:
            at = self._database.time(connection)
            failure = ("attempts_exhausted", JOB_CODES["attempts_exhausted"])
            transitions.finish_expanding(connection, at, job_id, None, failure)


def _film_bytes() -> Select[str, int, int]:
    stored = select(func.coalesce(func.sum(FilmRow.size), 0)).where(
        FilmRow.tenant == TenantRow.id, FILM_KEPT
    )
    return select(
        TenantRow.id,
        TenantRow.film_bytes,
        stored.correlate(TenantRow).scalar_subquery().label("stored"),
    )


def _differences(row: Any, names: list[str]) -> list[str]:
    return [
        f"job {row['id']}: {name} is {row['kept_' + name]}, its items say {row[name]}"
        for name in names
        if row["kept_" + name] != row[name]
    ]
