"""What becomes of an upload: parts, an object, a job's archive; or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, insert, or_, select, update

from lungline.domain import UploadStatus
from lungline.errors import UploadBusy, UploadIncomplete, UploadNotFound, UploadUsed
from storage.columns import AnyRow
from storage.models import UploadRow

_NO_LEASE: Mapping[str, None] = {"lease_id": None, "lease_expires_at": None}
_DONE = frozenset({UploadStatus.COMPLETE, UploadStatus.USED})


def insert_upload(connection: Connection, at: float, values: Mapping[str, Any]) -> None:
    """Insert an upload that takes parts."""
    connection.execute(insert(UploadRow).values(created_at=at, status=UploadStatus.OPEN, **values))


def begin_completing_upload(
    connection: Connection, at: float, tenant: str, upload_id: str, lease_id: str, seconds: float
) -> bool:
    """Let one request put the parts together; False when that is done already.

    Args:
        connection: A write transaction.
        at: The server's time.
        tenant: Whose upload.
        upload_id: Which upload.
        lease_id: A new id, by which the request is known.
        seconds: How long it holds without renewal: a request that died holds nobody up.

    Raises:
        UploadNotFound: There is no such upload.
        UploadBusy: Another request is at it.
    """
    status = UploadRow.status
    free = or_(
        status == UploadStatus.OPEN,
        and_(status == UploadStatus.COMPLETING, UploadRow.lease_expires_at <= at),
    )
    change = update(UploadRow).where(_there(tenant, upload_id), UploadRow.expires_at > at, free)
    held = {"lease_id": lease_id, "lease_expires_at": at + seconds}
    if connection.execute(change.values(status=UploadStatus.COMPLETING, **held)).rowcount:
        return True
    upload = _get(connection, tenant, upload_id, at)
    if upload.status in _DONE:
        return False
    raise UploadBusy("Another request is completing the upload. Ask for its status.")


def reopen_upload(connection: Connection, lease_id: str) -> None:
    """Let parts come again, after they could not be put together."""
    change = update(UploadRow).where(_held(lease_id))
    connection.execute(change.values(status=UploadStatus.OPEN, **_NO_LEASE))


def complete_upload(connection: Connection, at: float, lease_id: str, seconds: float) -> bool:
    """Say that the object is there; it waits for its job until `seconds` from now.

    Returns:
        False when the lease was lost; then somebody else says it.
    """
    change = update(UploadRow).where(_held(lease_id))
    done = {"completed_at": at, "expires_at": at + seconds}
    done_now = change.values(status=UploadStatus.COMPLETE, **done, **_NO_LEASE)
    return bool(connection.execute(done_now).rowcount)


def use_upload(connection: Connection, tenant: str, upload_id: str, job_id: str) -> None:
    """Give the object of a complete upload to a job, in the transaction that makes the job.

    Raises:
        UploadNotFound: There is no such upload.
        UploadIncomplete: It is not complete.
        UploadUsed: It went to another job.
    """
    change = update(UploadRow).where(
        _there(tenant, upload_id), UploadRow.status == UploadStatus.COMPLETE
    )
    if connection.execute(change.values(status=UploadStatus.USED, job_id=job_id)).rowcount:
        return
    upload = _get(connection, tenant, upload_id)
    if upload.status is UploadStatus.USED:
        raise UploadUsed(f"The upload became job {upload.job_id}; upload it again for another one.")
    raise UploadIncomplete("The upload is not complete: send its parts, then complete it.")


def begin_deleting_upload(
    connection: Connection, at: float, tenant: str, upload_id: str, lease_id: str | None = None
) -> None:
    """Let an upload be gone for its tenant; the sweep removes its parts or its object.

    Args:
        connection: A write transaction.
        at: The server's time.
        tenant: Whose upload.
        upload_id: Which upload.
        lease_id: Of the request that completes it and asks for this; None: of another request.

    Raises:
        UploadNotFound: There is no such upload.
        UploadBusy: A request is completing it.
        UploadUsed: A job has its object.
    """
    status = UploadRow.status
    free = or_(
        status.in_([UploadStatus.OPEN, UploadStatus.COMPLETE]),
        and_(
            status == UploadStatus.COMPLETING,
            or_(UploadRow.lease_expires_at <= at, UploadRow.lease_id == lease_id),
        ),
    )
    change = update(UploadRow).where(_there(tenant, upload_id), free)
    if connection.execute(change.values(status=UploadStatus.DELETING, **_NO_LEASE)).rowcount:
        return
    if _get(connection, tenant, upload_id).status is UploadStatus.USED:
        raise UploadUsed("A job was made of the upload; delete the job.")
    raise UploadBusy("A request is completing the upload. Delete it when that has ended.")


def expire_uploads(connection: Connection, at: float, upload_ids: list[str]) -> int:
    """Let uploads be gone whose time is over, but for those that a request completes now.

    Returns:
        The number of them.
    """
    completing = and_(UploadRow.status == UploadStatus.COMPLETING, UploadRow.lease_expires_at > at)
    change = update(UploadRow).where(
        UploadRow.id.in_(upload_ids), UploadRow.status != UploadStatus.DELETING, ~completing
    )
    return connection.execute(change.values(status=UploadStatus.DELETING, **_NO_LEASE)).rowcount


def _there(tenant: str, upload_id: str) -> ColumnElement[bool]:
    return and_(UploadRow.id == upload_id, UploadRow.tenant == tenant)


def _held(lease_id: str) -> ColumnElement[bool]:
    return and_(UploadRow.lease_id == lease_id, UploadRow.status == UploadStatus.COMPLETING)


def _get(connection: Connection, tenant: str, upload_id: str, at: float | None = None) -> AnyRow:
    """Look why a change did not happen."""
    row = connection.execute(
        select(UploadRow.status, UploadRow.job_id, UploadRow.expires_at).where(
            _there(tenant, upload_id)
        )
    ).one_or_none()
    gone = row is None or row.status is UploadStatus.DELETING
    if row is None or gone or (at is not None and row.expires_at <= at):
        raise UploadNotFound("There is no such upload; it may have expired.")
    return row
