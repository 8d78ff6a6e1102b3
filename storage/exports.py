"""Exports: results of an ended job that a worker writes into one object, to be fetched by a link.

An export belongs to a state of its job, which is known by when it ended: asked for twice, it is
made once; after a retry it is another one. The row knows where the object is before anything is
written there, and goes after it: whatever dies when, the sweep finds by the row what is left.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Connection, delete, func, select, update
from sqlalchemy.orm import aliased

from lungline.domain import ExportFormat, ExportStatus, new_id
from lungline.errors import (
    EXPORT_CODES,
    ExportNotFound,
    InvalidParameter,
    JobNotFound,
    TooManyOpenExports,
    WrongState,
)
from storage import transitions
from storage.audit import tell
from storage.backups import no_backup
from storage.columns import AnyRow
from storage.database import Database
from storage.models import (
    EXPORT_DELETING,
    EXPORT_QUEUED,
    EXPORT_RUNNING,
    ExportRow,
    JobRow,
    TenantRow,
)
from storage.pages import Page, make_page
from storage.quotas import Limits, enforce

REMOVED_AT_ONCE = 50
_GOING = ExportRow.status == ExportStatus.DELETING
MOST_PICTURES = 100_000
"""Items of an export of pictures: a zip's directory is in memory, some eighty bytes an item."""


class Discards(Protocol):
    """An object store, as far as it is needed here."""

    def discard(self, key: str) -> None:
        """Remove an object, and what is there of an unfinished one."""
        ...


@dataclass(frozen=True, slots=True)
class Export:
    """Results of a job as one object.

    Attributes:
        id: The export's id.
        tenant: Whose export.
        job_id: The job.
        format: How the results are written.
        status: Where it stands.
        object_key: Where the object store keeps it; None while no worker has begun.
        lease_id: Of the worker that makes it.
        attempts: Deaths of workers that made it.
        items_done: Items written so far.
        items_total: Items of the job.
        size: Bytes, once it is made.
        sha256: Of those, in hexadecimal.
        error_code: Why it failed; a key of `lungline.errors.EXPORT_CODES`.
        error_reason: The same for people.
        created_at: Seconds since the epoch.
        started_at: When a worker began, the last time.
        finished_at: When it ended.
        expires_at: When it goes.
    """

    id: str
    tenant: str
    job_id: str
    format: ExportFormat
    status: ExportStatus
    object_key: str | None
    lease_id: str | None
    attempts: int
    items_done: int
    items_total: int
    size: int | None
    sha256: str | None
    error_code: str | None
    error_reason: str | None
    created_at: float
    started_at: float | None
    finished_at: float | None
    expires_at: float


_COLUMNS = [getattr(ExportRow, name) for name in Export.__slots__]


class Exports:
    """Makes, reads and removes exports."""

    def __init__(self, database: Database, limits: Limits) -> None:
        """Keep the database, and what each tenant may have."""
        self._database = database
        self._limits = limits

    def create(
        self,
        tenant: str,
        job_id: str,
        form: ExportFormat,
        seconds: float,
        most_open: int | None = None,
    ) -> Export:
        """Ask for an export, or get the one that there is of the job as it stands.

        Args:
            tenant: Whose job.
            job_id: Which job.
            form: How the results are written.
            seconds: How long the export may wait and be made.
            most_open: How many exports of the tenant may wait or be made at a time;
                None: any number.

        Raises:
            TooManyOpenExports: There are as many.
            StorageQuotaReached: The tenant has more bytes than it may, earlier exports among them.
            JobNotFound: There is no such job.
            WrongState: It has not ended.
            InvalidParameter: It has too many items for a zip of pictures.
        """
        there = (JobRow.id == job_id, JobRow.tenant == tenant, JobRow.deleted_at.is_(None))
        # The lock keeps two requests from making two.
        query = select(JobRow.status, JobRow.finished_at, JobRow.total).where(*there)

        def work(connection: Connection) -> str:
            job = connection.execute(query.with_for_update()).one_or_none()
            if job is None:
                raise JobNotFound(f"There is no job {job_id!r}.")
            if job.finished_at is None or not job.status.terminal:
                raise WrongState(
                    f"The job is {job.status}; export its results once it has ended. What there is "
                    "now streams from /v1/jobs/{id}/results and /pictures."
                )
            if form.pictures and job.total > MOST_PICTURES:
                raise InvalidParameter(
                    f"format: a job of more than {MOST_PICTURES:,} items has no zip of all its "
                    "pictures. Take them from /v1/jobs/{id}/pictures, which makes several."
                )
            known = self._known(connection, job_id, job.finished_at, form)
            if known is not None:
                return known
            if most_open is not None:
                self._check_open(connection, tenant, most_open)
            return self._insert(connection, tenant, job_id, job, form, seconds)

        return self.get(tenant, self._database.run(work))

    def get(self, tenant: str, export_id: str) -> Export:
        """Get one export of a tenant.

        Raises:
            ExportNotFound: There is none with this id, it has gone, or it is another tenant's.
        """
        return self._one(ExportRow.id == export_id, ExportRow.tenant == tenant)

    def known(self, export_id: str) -> Export:
        """Get one export by its id alone, for who has a signed link to it.

        Raises:
            ExportNotFound: There is none, or it has gone.
        """
        return self._one(ExportRow.id == export_id)

    def page(
        self, tenant: str, *, limit: int, cursor: str | None = None, job_id: str | None = None
    ) -> Page[Export]:
        """List exports, newest first.

        Args:
            tenant: Whose exports.
            limit: Most of them.
            cursor: `next_cursor` of the page before.
            job_id: Only those of this job.
        """
        query = select(*_COLUMNS).where(*self._visible(), ExportRow.tenant == tenant)
        if cursor is not None:
            query = query.where(ExportRow.id < cursor)
        if job_id is not None:
            query = query.where(ExportRow.job_id == job_id)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(ExportRow.id.desc()).limit(limit + 1)).all()
        return make_page(rows, limit, _export, lambda export: export.id)

    def cancel(self, tenant: str, export_id: str) -> Export:
        """Let nobody make an export further; cancelling twice does no harm.

        Raises:
            ExportNotFound: There is no such export.
            WrongState: It has ended otherwise.
        """

        def work(connection: Connection) -> bool:
            at = self._database.time(connection)
            return transitions.cancel_export(connection, at, tenant, export_id)

        done = self._database.run(work)
        export = self.get(tenant, export_id)
        if not done and export.status is not ExportStatus.CANCELLED:
            raise WrongState(f"The export is {export.status} already; delete it to remove it.")
        return export

    def delete(self, tenant: str, export_id: str) -> None:
        """Let an export be gone, made or not; the sweep removes its object.

        Raises:
            ExportNotFound: There is no such export.
        """
        which = (ExportRow.id == export_id, ExportRow.tenant == tenant)

        def work(connection: Connection) -> int:
            begun = transitions.delete_exports(connection, *which)
            if begun:
                tell(connection, self._database.time(connection), export_id)
            return begun

        if not self._database.run(work):
            raise ExportNotFound("There is no such export; it may have expired.")

    def open(self, tenant: str) -> int:
        """Count the exports of a tenant that wait or are being made, as its quota does."""
        with self._database.read() as connection:
            return self._count_open(connection, tenant)

    def waiting(self) -> int:
        """Count the exports that wait for a worker."""
        query = select(func.count()).select_from(ExportRow).where(EXPORT_QUEUED)
        with self._database.read() as connection:
            return connection.execute(query).scalar_one()

    def claim(self, worker_id: str, lease_seconds: float) -> Export | None:
        """Take the export that has waited longest; None when there is none.

        Nor is there one while another process of the same crew makes one: an export is made in one
        go, and archives would wait for it.

        Args:
            worker_id: The crew's name and, after the last dash, the process's number.
            lease_seconds: How long the claim holds without renewal.
        """
        crew = worker_id.rpartition("-")[0] + "-"
        other = aliased(ExportRow)
        busy = (
            select(other.id)
            .where(other.status == ExportStatus.RUNNING)
            .where(other.worker_id.startswith(crew, autoescape=True))
            .exists()
        )
        query = select(ExportRow.id, ExportRow.tenant).where(EXPORT_QUEUED, ~busy)
        waiting = query.order_by(ExportRow.id).limit(1)
        lease_id = new_id()

        def work(connection: Connection) -> str | None:
            row = connection.execute(waiting.with_for_update(skip_locked=True)).one_or_none()
            if row is None:
                return None
            at = self._database.time(connection)
            held = {
                # One of its own for each lease: who has lost his disturbs nobody.
                "object_key": f"{row.tenant}/exports/{lease_id}",
                "worker_id": worker_id,
                "lease_id": lease_id,
                "lease_expires_at": at + lease_seconds,
            }
            transitions.start_export(connection, at, row.id, held)
            return str(row.id)

        with self._database.read() as connection:
            if connection.execute(waiting).first() is None:
                return None
        export_id = self._database.run(work)
        return None if export_id is None else self._one(ExportRow.lease_id == lease_id)

    def renew(self, export: Export, lease_seconds: float, items_done: int) -> bool:
        """Extend a lease and say how far it is; False when the lease is lost."""
        change = update(ExportRow).where(
            ExportRow.id == export.id, ExportRow.lease_id == export.lease_id, EXPORT_RUNNING
        )
        expires = self._database.now() + lease_seconds
        renewed = change.values(lease_expires_at=expires, items_done=items_done)
        return self._database.run(lambda c: bool(c.execute(renewed).rowcount))

    def finish(self, export: Export, size: int, sha256: str, items: int, seconds: float) -> bool:
        """Say that an export is made; its object stays for `seconds`.

        Returns:
            False when the lease is lost, or the job is not what it was; then the object belongs to
            nobody.
        """
        lease_id = export.lease_id or ""
        made = {"size": size, "sha256": sha256, "items_done": items}

        def work(connection: Connection) -> bool:
            at = self._database.time(connection)
            kept = made | {"expires_at": at + seconds}
            if transitions.finish_export(connection, at, export.id, lease_id, kept):
                return True
            error = ("job_changed", EXPORT_CODES["job_changed"])
            transitions.fail_export(connection, at, export.id, lease_id, error)
            return False

        return self._database.run(work)

    def fail(self, export: Export, error: tuple[str, str]) -> bool:
        """End an export with a code of `lungline.errors.EXPORT_CODES` and a reason."""
        lease_id = export.lease_id or ""

        def work(connection: Connection) -> bool:
            at = self._database.time(connection)
            return transitions.fail_export(connection, at, export.id, lease_id, error)

        return self._database.run(work)

    def hand_back(self, export: Export) -> bool:
        """Let another worker begin anew, once the object is gone. Counts no attempt."""
        return self._requeue(export, export.attempts)

    def take_back(self, store: Discards, max_attempts: int, limit: int = REMOVED_AT_ONCE) -> int:
        """Take back exports whose worker did not renew its lease, and remove what it left behind.

        The lease is taken first: a worker that is only late can finish no longer what goes.

        Raises:
            StoreUnavailable: The store failed; what is left is tried again.

        Returns:
            The number of exports looked at.
        """
        expired = ExportRow.lease_expires_at < self._database.now()
        query = select(*_COLUMNS).where(EXPORT_RUNNING, expired).order_by(ExportRow.id).limit(limit)
        with self._database.read() as connection:
            exports = [_export(row) for row in connection.execute(query)]
        for late in exports:
            reaper = new_id()
            export = replace(late, lease_id=reaper)
            if not self._database.run(partial(self._fence, late=late, reaper=reaper)):
                continue  # it was renewed, or has ended
            if export.object_key is not None:
                store.discard(export.object_key)
            attempts = export.attempts + 1
            if attempts >= max_attempts:
                self.fail(export, ("attempts_exhausted", EXPORT_CODES["attempts_exhausted"]))
            else:
                self._requeue(export, attempts)
        return len(exports)

    def expire(self, limit: int) -> int:
        """Let exports be gone whose time is over, at most `limit`.

        Returns:
            The number of exports.
        """
        over = select(ExportRow.id).where(ExportRow.expires_at <= self._database.now(), ~_GOING)
        some = over.order_by(ExportRow.id).limit(limit)

        def work(connection: Connection) -> int:
            ids = connection.execute(some.with_for_update(skip_locked=True)).scalars().all()
            return transitions.delete_exports(connection, ExportRow.id.in_(ids))

        with self._database.read() as connection:
            if connection.execute(some).first() is None:
                return 0
        return self._database.run(work)

    def remove(self, store: Discards, limit: int = REMOVED_AT_ONCE) -> int:
        """Remove deleted exports: first their objects, then their rows.

        None goes while a backup is taken (`storage.backups`).

        Raises:
            StoreUnavailable: The store failed; what is left is tried again.

        Returns:
            The number of exports removed.
        """
        query = select(ExportRow.id, ExportRow.object_key).where(
            EXPORT_DELETING, no_backup(self._database)
        )
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(ExportRow.id).limit(limit)).all()
        for row in rows:
            if row.object_key is not None:
                store.discard(row.object_key)
            self._database.run(partial(_forget, export_id=row.id))
        return len(rows)

    def _fence(self, connection: Connection, late: Export, reaper: str) -> bool:
        now = self._database.now()
        return transitions.fence_export(connection, now, late.id, late.lease_id or "", reaper)

    def _requeue(self, export: Export, attempts: int) -> bool:
        def work(connection: Connection) -> bool:
            lease_id = export.lease_id or ""
            return transitions.requeue_export(connection, export.id, lease_id, attempts=attempts)

        return self._database.run(work)

    def _known(
        self, connection: Connection, job_id: str, finished_at: float, form: ExportFormat
    ) -> str | None:
        useful = (ExportStatus.QUEUED, ExportStatus.RUNNING, ExportStatus.SUCCEEDED)
        query = select(ExportRow.id).where(
            ExportRow.job_id == job_id,
            ExportRow.job_finished_at == finished_at,
            ExportRow.format == form,
            ExportRow.status.in_(useful),
            ExportRow.expires_at > self._database.now(),
        )
        return connection.execute(query.limit(1)).scalar_one_or_none()

    def _count_open(self, connection: Connection, tenant: str) -> int:
        count = select(func.count()).where(
            ExportRow.tenant == tenant,
            ExportRow.status.in_((ExportStatus.QUEUED, ExportStatus.RUNNING)),
            ExportRow.expires_at > self._database.now(),
        )
        return connection.execute(count).scalar_one()

    def _check_open(self, connection: Connection, tenant: str, most: int) -> None:
        # The lock keeps two requests from counting at once.
        mine = select(TenantRow.id).where(TenantRow.id == tenant)
        connection.execute(mine.with_for_update())
        if self._count_open(connection, tenant) >= most:
            raise TooManyOpenExports(
                f"A tenant may have {most:,} exports waiting or being made at a time. Wait until "
                "one is made, or cancel one."
            )

    def _insert(
        self,
        connection: Connection,
        tenant: str,
        job_id: str,
        job: AnyRow,
        form: ExportFormat,
        seconds: float,
    ) -> str:
        at, export_id = self._database.time(connection), new_id()
        values: dict[str, Any] = {
            "id": export_id,
            "tenant": tenant,
            "job_id": job_id,
            "job_finished_at": job.finished_at,
            "format": form,
            "items_total": job.total,
            "expires_at": at + seconds,
        }
        transitions.insert_export(connection, at, values)
        enforce(connection, tenant, self._limits, queues_films=False)
        return export_id

    def _visible(self) -> tuple[ColumnElement[bool], ...]:
        return (~_GOING, ExportRow.expires_at > self._database.now())

    def _one(self, *conditions: ColumnElement[bool]) -> Export:
        query = select(*_COLUMNS).where(*self._visible(), *conditions)
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise ExportNotFound("There is no such export; it may have expired.")
        return _export(row)


def _export(row: AnyRow) -> Export:
    return Export(**{name: row._mapping[name] for name in Export.__slots__})


def _forget(connection: Connection, export_id: str) -> None:
    connection.execute(delete(ExportRow).where(ExportRow.id == export_id, EXPORT_DELETING))
