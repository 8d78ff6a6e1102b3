"""What becomes of an export: made under a lease, kept for a while, removed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, insert, update

from lungline.domain import ExportStatus
from storage.models import ExportRow, JobRow

_RELEASED: Mapping[str, None] = {"lease_id": None, "lease_expires_at": None, "worker_id": None}
_LIVE = (ExportStatus.QUEUED, ExportStatus.RUNNING)


def insert_export(connection: Connection, at: float, values: Mapping[str, Any]) -> None:
    """Insert an export that waits for a worker."""
    fields = {"created_at": at, "status": ExportStatus.QUEUED, "attempts": 0, "items_done": 0}
    connection.execute(insert(ExportRow).values(**fields, **values))


def start_export(
    connection: Connection, at: float, export_id: str, held: Mapping[str, Any]
) -> None:
    """Give a waiting export, which the transaction has locked, to a worker."""
    change = update(ExportRow).where(
        ExportRow.id == export_id, ExportRow.status == ExportStatus.QUEUED
    )
    connection.execute(
        change.values(status=ExportStatus.RUNNING, started_at=at, items_done=0, **held)
    )


def finish_export(
    connection: Connection, at: float, export_id: str, lease_id: str, made: Mapping[str, Any]
) -> bool:
    """Say that the object is there, as long as the job is as it was when it was asked for.

    Returns:
        False when the lease was lost, the export was cancelled, or the job has changed.
    """
    same = exists().where(
        JobRow.id == ExportRow.job_id,
        JobRow.finished_at == ExportRow.job_finished_at,
        JobRow.deleted_at.is_(None),
    )
    change = update(ExportRow).where(_held(export_id, lease_id), same)
    done = {"status": ExportStatus.SUCCEEDED, "finished_at": at, **_RELEASED}
    return bool(connection.execute(change.values(**done, **made)).rowcount)


def fail_export(
    connection: Connection, at: float, export_id: str, lease_id: str, error: tuple[str, str]
) -> bool:
    """End an export with code and reason; False when the lease was lost.

    What is under its object key goes with the row.
    """
    change = update(ExportRow).where(_held(export_id, lease_id))
    code, reason = error
    ended = {"status": ExportStatus.FAILED, "finished_at": at, **_RELEASED}
    failed = change.values(error_code=code, error_reason=reason, **ended)
    return bool(connection.execute(failed).rowcount)


def fence_export(
    connection: Connection, now: ColumnElement[float], export_id: str, lease_id: str, reaper: str
) -> bool:
    """Take an expired lease from its worker; False when it was renewed, or the export has ended.

    It stays expired, so that the next sweep goes on where this one dies.

    Args:
        connection: A write transaction.
        now: The server's clock.
        export_id: The export.
        lease_id: The worker's.
        reaper: The lease id in its place.
    """
    change = update(ExportRow).where(_held(export_id, lease_id), ExportRow.lease_expires_at < now)
    return bool(connection.execute(change.values(lease_id=reaper)).rowcount)


def requeue_export(connection: Connection, export_id: str, lease_id: str, *, attempts: int) -> bool:
    """Let a worker begin anew, after its object is gone; False when the lease was lost."""
    change = update(ExportRow).where(_held(export_id, lease_id))
    waiting = {"status": ExportStatus.QUEUED, "object_key": None, "items_done": 0, **_RELEASED}
    return bool(connection.execute(change.values(attempts=attempts, **waiting)).rowcount)


def cancel_export(connection: Connection, at: float, tenant: str, export_id: str) -> bool:
    """Let nobody make an export further; False when it has ended.

    The object key stays with it: the sweep removes what is under it with the row.
    """
    change = update(ExportRow).where(_there(tenant, export_id), ExportRow.status.in_(_LIVE))
    ended = {"status": ExportStatus.CANCELLED, "finished_at": at, **_RELEASED}
    return bool(connection.execute(change.values(**ended)).rowcount)


def delete_exports(connection: Connection, *which: ColumnElement[bool]) -> int:
    """Let exports be gone for their tenant; the sweep removes what is left of them."""
    change = update(ExportRow).where(*which, ExportRow.status != ExportStatus.DELETING)
    return connection.execute(change.values(status=ExportStatus.DELETING, **_RELEASED)).rowcount


def _there(tenant: str, export_id: str) -> ColumnElement[bool]:
    return and_(ExportRow.id == export_id, ExportRow.tenant == tenant)


def _held(export_id: str, lease_id: str) -> ColumnElement[bool]:
    return and_(
        ExportRow.id == export_id,
        ExportRow.lease_id == lease_id,
        ExportRow.status == ExportStatus.RUNNING,
    )
