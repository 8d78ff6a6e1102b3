"""Quotas: what one tenant may have at a time, so that it leaves room for the others.

A submission is checked three times: before its body is read, so that nobody sends for nothing;
before its films are stored (`storage.coming`); and in its own transaction, after its rows, under a
lock of the tenant's row, so that many at once do not overshoot together. Archives wait: an expander
leaves those alone whose tenant has enough queued.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from sqlalchemy import ColumnElement, Connection, case, func, literal, select
from sqlalchemy.orm import aliased

from lungline.domain import JobStatus
from lungline.errors import StorageQuotaReached, TooManyOpenJobs, TooManyQueuedFilms
from lungline.settings import Settings
from storage.database import Database
from storage.models import (
    JOB_OPEN,
    UPLOAD_HELD,
    ExportRow,
    JobRow,
    TenantRow,
    UploadRow,
    predicate_of,
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a tenant may have; None: as much as it likes.

    Attributes:
        open_jobs: Jobs that have not ended.
        queued_films: Films that wait to be read.
        stored_bytes: Bytes of its stored films and exports, of archives and manifests that wait to
            be expanded, and of archives that are announced or come in parts.
    """

    open_jobs: int | None = None
    queued_films: int | None = None
    stored_bytes: int | None = None

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """What an operator has set."""
        return cls(
            settings.quota_open_jobs, settings.quota_queued_films, settings.quota_stored_bytes
        )


@dataclass(frozen=True, slots=True)
class Usage:
    """What a tenant has; the names are those of `Limits`."""

    open_jobs: int
    queued_films: int
    stored_bytes: int


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a tenant may have, and has.

    Attributes:
        limits: The quotas.
        used: What counts against them.
    """

    limits: Limits
    used: Usage

    @property
    def left(self) -> Limits:
        """What it may still have, 0 or more; None: as much as it likes."""
        return Limits(
            _left(self.limits.open_jobs, self.used.open_jobs),
            _left(self.limits.queued_films, self.used.queued_films),
            _left(self.limits.stored_bytes, self.used.stored_bytes),
        )


class Quotas:
    """Tells what is left to tenants, and refuses what is above it."""

    def __init__(self, database: Database, limits: Limits) -> None:
        """Keep the database, and the limits of every tenant."""
        self._database = database
        self.limits = limits

    def allowance(self, tenant: str) -> Allowance:
        """Tell what a tenant may have and has, from rows of jobs and its own."""
        with self._database.read() as connection:
            return Allowance(self.limits, _used(connection, tenant))

    def check(self, tenant: str, coming_bytes: int = 0, coming_films: int = 0) -> None:
        """Refuse a submission that would certainly be above a quota, before it is taken.

        Args:
            tenant: Whose.
            coming_bytes: Size of the body, 0 where it is not known; later of what is to be stored.
            coming_films: Those that would wait to be read, as far as they are known.

        Raises:
            QuotaExceeded: One of its kinds.
        """
        if self.limits == Limits():
            return
        used = self.allowance(tenant).used
        queued = used.queued_films + coming_films if coming_films else 0
        _refuse(self.limits, Usage(used.open_jobs + 1, queued, used.stored_bytes + coming_bytes))

    def films_full(self, tenant: str) -> bool:
        """Whether a tenant has as many films queued as it may."""
        most = self.limits.queued_films
        return most is not None and self.allowance(tenant).used.queued_films >= most


def enforce(connection: Connection, tenant: str, limits: Limits, *, queues_films: bool) -> None:
    """Refuse what a transaction has made, where it is above a quota.

    Args:
        connection: A write transaction, after all its other locks: tenants come last.
        tenant: Whose rows it made.
        limits: The quotas.
        queues_films: Whether films were queued; an archive waits instead.

    Raises:
        QuotaExceeded: One of its kinds; the transaction must be rolled back.
    """
    if limits == Limits():
        return
    # Not against the key: jobs that are inserted at the same time hold a share of it.
    lock = select(TenantRow.id).where(TenantRow.id == tenant).with_for_update(key_share=True)
    connection.execute(lock)
    used = _used(connection, tenant)
    queued = used.queued_films if queues_films else 0
    _refuse(limits, Usage(used.open_jobs, queued, used.stored_bytes))


def enforce_unpacked(
    connection: Connection, tenant: str, limits: Limits, packed: int, coming: int = 0
) -> None:
    """Refuse films out of an archive that would be above the quota of stored bytes.

    Not counted is the archive itself: its films take its place.

    Args:
        connection: A write transaction that has stored the films' rows, or one that reads.
        tenant: Whose.
        limits: The quotas.
        packed: Bytes of the archive, and of its manifest.
        coming: Bytes of films that have no rows yet.

    Raises:
        StorageQuotaReached: The transaction must be rolled back.
    """
    if limits.stored_bytes is not None:
        used = _used(connection, tenant).stored_bytes - packed + coming
        _refuse(Limits(stored_bytes=limits.stored_bytes), Usage(0, 0, used))


def has_room(limits: Limits) -> ColumnElement[bool]:
    """Whether more films of a job's tenant may be queued, as a condition.

    Only once half of its quota is free again: to open an archive for each film read is dear.
    """
    if limits.queued_films is None:
        return literal(True)
    name = "open_jobs"
    others = aliased(JobRow, name=name)
    full = (
        select(others.tenant)
        .where(predicate_of(JOB_OPEN, name))
        .group_by(others.tenant)
        .having(2 * func.sum(others.queued) >= limits.queued_films)
    )
    return JobRow.tenant.not_in(full)


def _used(connection: Connection, tenant: str) -> Usage:
    of_job = func.coalesce(JobRow.archive_size, 0) + func.coalesce(JobRow.manifest_size, 0)
    waiting = case((JobRow.status == JobStatus.EXPANDING, of_job), else_=0)
    jobs = select(
        func.count(),
        func.coalesce(func.sum(JobRow.queued), 0),
        func.coalesce(func.sum(waiting), 0),
    ).where(JobRow.tenant == tenant, JOB_OPEN)
    open_jobs, queued, archives = connection.execute(jobs).one()
    films = select(TenantRow.film_bytes).where(TenantRow.id == tenant)
    stored = connection.execute(films).scalar_one_or_none() or 0
    uploads = select(func.coalesce(func.sum(UploadRow.size), 0))
    coming = connection.execute(uploads.where(UploadRow.tenant == tenant, UPLOAD_HELD)).scalar_one()
    exports = select(func.sum(ExportRow.size)).where(ExportRow.tenant == tenant)
    made = connection.execute(exports).scalar_one()
    return Usage(open_jobs, int(queued), stored + int(archives) + int(coming) + int(made or 0))


def _refuse(limits: Limits, used: Usage) -> None:
    if _above(used.open_jobs, limits.open_jobs):
        raise TooManyOpenJobs(
            f"A tenant may have {limits.open_jobs:,} open jobs at a time. Wait until some have "
            "ended, or send more films in each."
        )
    if _above(used.queued_films, limits.queued_films):
        raise TooManyQueuedFilms(
            f"A tenant may have {limits.queued_films:,} films waiting at a time, and would have "
            f"{used.queued_films:,}. Wait until some are read, or send an archive, which waits."
        )
    if _above(used.stored_bytes, limits.stored_bytes):
        raise StorageQuotaReached(
            f"A tenant may have {limits.stored_bytes:,} bytes stored, and would have "
            f"{used.stored_bytes:,}. Delete jobs, or exports, that are no longer needed."
        )


def _above(used: int, limit: int | None) -> bool:
    return limit is not None and used > limit


def _left(limit: int | None, used: int) -> int | None:
    return None if limit is None else max(0, limit - used)
