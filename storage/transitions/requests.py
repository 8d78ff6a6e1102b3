"""Status changes of jobs that a client, or the clock, asks for."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, null, or_, select, true, update

from lungline.domain import TERMINAL_JOB_STATUSES, JobStatus, Priority
from storage import scheduling
from storage.events import EventType, record
from storage.models import JOB_EXPIRING, JOB_RETRIED, ExportRow, JobRow
from storage.pace import NO_PACE
from storage.transitions.exports import delete_exports
from storage.transitions.jobs import NOT_EXPANDED

_OPEN = (JobStatus.RECEIVING, JobStatus.EXPANDING, JobStatus.RUNNING)
_RETRIABLE = (JobStatus.COMPLETED_WITH_ERRORS, JobStatus.FAILED)
_GIVEN_UP = and_(
    JobRow.error_code == "attempts_exhausted",  # as only the sweep says, see `storage.repairs`
    ~JobRow.archive_spent,
    or_(JobRow.manifest_size.is_(None), JobRow.manifest_key.is_not(None)),
    or_(
        JobRow.archive_key.is_not(None),
        JobRow.prefix.is_not(None),
        JobRow.from_job.is_not(None),
    ),
)
"""Its archive was not expanded to the end, through no fault of its own, and all of it is there.

What is marked as spent goes at any moment (`Expansions.remove_spent`), and is never taken back.
"""
_CANCELLING: dict[str, Any] = {
    "status": JobStatus.CANCELLING,
    "paused": False,
    "retry_before": None,
    **NOT_EXPANDED,
}


_UNREAD = and_(
    or_(JobRow.status == JobStatus.EXPANDING, _GIVEN_UP),
    or_(JobRow.archive_key.is_not(None), JobRow.manifest_key.is_not(None)),
)
"""It has an archive, or a manifest, that the end of its expansion would have removed."""


def begin_cancelling(
    connection: Connection, at: float, tenant: str, job_id: str, *, keep: bool
) -> bool:
    """Stop claims and the expansion of a job; False when its status does not allow it.

    Args:
        connection: A write transaction.
        at: The server's time.
        tenant: Whose job.
        job_id: Which job.
        keep: Whether an archive stays that nobody will expand any more.
    """
    change = update(JobRow).where(_open_job(tenant, job_id)).values(expires_at=None)
    if not connection.execute(change.values(_stopped(keep))).rowcount:
        return False
    record(connection, at, EventType.CANCELLING, tenant, job_id)
    return True


def begin_expiring(connection: Connection, at: float, job_id: str, *, keep: bool) -> bool:
    """Stop a job whose time is over as if it were cancelled; its end will say `expired`.

    Args:
        connection: A write transaction.
        at: The server's time.
        job_id: Which job.
        keep: Whether an archive stays that nobody will expand any more.

    Returns:
        False when it has ended, or its time is not over.
    """
    change = update(JobRow).where(JobRow.id == job_id, JOB_EXPIRING, JobRow.expires_at <= at)
    stopped = change.values(_stopped(keep)).returning(JobRow.tenant)
    tenant = connection.execute(stopped).scalar_one_or_none()
    if tenant is None:
        return False
    record(connection, at, EventType.CANCELLING, tenant, job_id)
    return True


def begin_retry(connection: Connection, at: float, tenant: str, job_id: str) -> JobStatus | None:
    """Move an ended job with failed items back to running; None when its status does not allow it.

    It runs until what had failed by now has gone through the queue again (`retry_before`). An
    expiry is over: it was about the first run. One whose archive was given up, and is still there,
    goes back to expanding instead, at its cursor, with all attempts again.

    Returns:
        The job's status from now on.
    """
    change = update(JobRow).where(_there(tenant, job_id), JobRow.status.in_(_RETRIABLE))
    running, expanding = JobStatus.RUNNING.value, JobStatus.EXPANDING.value
    values = {
        "status": case((_GIVEN_UP, expanding), else_=running),
        "error_code": case((_GIVEN_UP, null()), else_=JobRow.error_code),
        "error_reason": case((_GIVEN_UP, null()), else_=JobRow.error_reason),
        "expand_attempts": 0,
        "finished_at": None,
        "expires_at": None,
        "retry_before": at,
        # The rate counts from the first claim: what was done before that does not count.
        "first_claim_at": None,
        "done_before": JobRow.succeeded + JobRow.failed - JobRow.reused,
        **NO_PACE,
    }
    moved = change.values(**values).returning(JobRow.status)
    status = connection.execute(moved).scalar_one_or_none()
    if status is not None:
        record(connection, at, EventType.RETRIED, tenant, job_id)
    return status


def begin_deleting(connection: Connection, at: float, tenant: str, job_id: str) -> bool:
    """Hide an ended job from its tenant for ever; False when it has not ended.

    Its idempotency key is free again.
    """
    change = update(JobRow).where(_there(tenant, job_id), JobRow.status.in_(TERMINAL_JOB_STATUSES))
    gone = change.values(deleted_at=at, idempotency_key=None)
    if not connection.execute(gone).rowcount:
        return False
    delete_exports(connection, ExportRow.job_id == job_id)
    return True


def hold_retry(connection: Connection, job_id: str, *, last: bool) -> bool:
    """Lock a job of which failed items are about to go back to the queue.

    Args:
        connection: A write transaction that holds the items.
        job_id: The job.
        last: Whether these are the last: then the job may end again.

    Returns:
        False when it was cancelled meanwhile, or another one was first.
    """
    change = update(JobRow).where(
        JobRow.id == job_id,
        JOB_RETRIED,
        JobRow.status.in_((JobStatus.RUNNING, JobStatus.EXPANDING)),
    )
    kept = None if last else JobRow.retry_before
    return bool(connection.execute(change.values(retry_before=kept)).rowcount)


def pause(connection: Connection, at: float, tenant: str, job_id: str) -> bool:
    """Let claims and expanders pass a job by; False when its status does not allow it.

    Films under a lease are read to their end; an expander loses its lease, and what it had
    committed stays.
    """
    change = update(JobRow).where(_open_job(tenant, job_id), ~JobRow.paused)
    if connection.execute(change.values(paused=True, **NOT_EXPANDED)).rowcount:
        record(connection, at, EventType.PAUSED, tenant, job_id)
        return True
    return _is_open(connection, tenant, job_id)


def resume(connection: Connection, at: float, tenant: str, job_id: str) -> bool:
    """Let claims see a paused job again; False when its status does not allow it.

    It is owed nothing for the time it was away.
    """
    change = update(JobRow).where(_open_job(tenant, job_id), JobRow.paused)
    job = connection.execute(change.values(paused=False).returning(JobRow.queued)).one_or_none()
    if job is None:
        return _is_open(connection, tenant, job_id)
    if job.queued:
        scheduling.admit_job(connection, tenant, job_id)
        scheduling.admit_tenant(connection, tenant, job_id)
    record(connection, at, EventType.RESUMED, tenant, job_id)
    return True


def rename(connection: Connection, tenant: str, job_id: str, name: str) -> bool:
    """Call a job something else; False when there is none."""
    change = update(JobRow).where(_there(tenant, job_id))
    return bool(connection.execute(change.values(name=name)).rowcount)


def reprioritize(
    connection: Connection, at: float, tenant: str, job_id: str, priority: Priority
) -> bool:
    """Move a job among those of another priority; False when its status does not allow it.

    There it starts no earlier than the least of its tenant's others: what it waited for among
    those of its old priority is no claim on the films of these.
    """
    change = update(JobRow).where(_open_job(tenant, job_id), JobRow.priority != int(priority))
    if not connection.execute(change.values(priority=int(priority))).rowcount:
        return _is_open(connection, tenant, job_id)
    scheduling.admit_job(connection, tenant, job_id)
    record(connection, at, EventType.PRIORITY, tenant, job_id)
    return True


def _stopped(keep: bool) -> dict[str, Any]:
    if keep:
        return _CANCELLING
    return _CANCELLING | {"archive_spent": case((_UNREAD, true()), else_=JobRow.archive_spent)}


def _there(tenant: str, job_id: str) -> ColumnElement[bool]:
    return and_(JobRow.id == job_id, JobRow.tenant == tenant, JobRow.deleted_at.is_(None))


def _open_job(tenant: str, job_id: str) -> ColumnElement[bool]:
    return and_(JobRow.id == job_id, JobRow.tenant == tenant, JobRow.status.in_(_OPEN))


def _is_open(connection: Connection, tenant: str, job_id: str) -> bool:
    return (
        connection.execute(select(JobRow.id).where(_open_job(tenant, job_id))).first() is not None
    )
