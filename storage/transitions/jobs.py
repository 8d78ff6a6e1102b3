"""What becomes of a job as its items change: counters, its end, the end of its expansion."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    Connection,
    Double,
    Integer,
    Update,
    bindparam,
    case,
    func,
    insert,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from lungline.domain import JobStatus
from lungline.errors import JOB_CODES
from storage import pace, scheduling, terms, usage
from storage.events import EventType, record
from storage.models import JOB_LIVE, JOB_RUNNABLE, JobRow, TenantRow
from storage.tally import Tally
from storage.transitions.items import Failure

_END_EVENTS = {
    JobStatus.CANCELLED: EventType.CANCELLED,
    JobStatus.EXPIRED: EventType.EXPIRED,
}
DRAINED = (JOB_LIVE, JobRow.queued == 0, JobRow.running == 0, JobRow.retry_before.is_(None))
"""Which jobs have nothing left to be waited for."""
NOT_EXPANDED: Mapping[str, None] = {
    "expand_lease_id": None,
    "expand_worker_id": None,
    "expand_lease_expires_at": None,
}


def insert_job(connection: Connection, at: float, values: Mapping[str, Any]) -> None:
    """Insert a job without items, `running` or `expanding`, and tell that it exists."""
    connection.execute(insert(JobRow).values(created_at=at, **values))
    terms.keep(connection, terms.Kind.JOB, [values])
    kind = EventType.EXPANDING if values["status"] is JobStatus.EXPANDING else EventType.RUNNING
    for event in (EventType.CREATED, kind):
        record(connection, at, event, values["tenant"], values["id"])


def take_films(connection: Connection, at: float, job_id: str, started: int, reused: int) -> bool:
    """Count films of a job as claimed, unless it was paused or cancelled meanwhile.

    Args:
        connection: A write transaction that holds the queued items.
        at: The server's time.
        job_id: The job.
        started: Films that go from queued to running; they advance the job's virtual time.
        reused: Films that go from queued to succeeded.

    Returns:
        False when the job gives no films now; then its items must be left alone.
    """
    taken = {"job": job_id, "at": at, "started_now": started, "reused_now": reused}
    return bool(connection.execute(_TAKE[started > 0], taken).rowcount)


def _take(begins: bool) -> Update:
    at, started, reused = _AT, _number("started_now"), _number("reused_now")
    return (
        update(JobRow)
        .where(JobRow.id == bindparam("job"), JOB_RUNNABLE)
        .values(
            queued=JobRow.queued - started - reused,
            running=JobRow.running + started,
            succeeded=JobRow.succeeded + reused,
            reused=JobRow.reused + reused,
            vtime=JobRow.vtime + started / JobRow.weight,
            started_at=func.coalesce(JobRow.started_at, at),
            first_claim_at=func.coalesce(JobRow.first_claim_at, at),
            **(pace.begun(at) if begins else {}),
        )
    )


def settle(connection: Connection, at: float, tally: Tally) -> None:
    """Change all counters in the tally, end the jobs that are done, admit new work."""
    admitted: dict[str, str] = {}
    for job_id in sorted(tally.deltas):
        deltas = {name: delta for name, delta in tally.deltas[job_id].items() if delta}
        if not deltas:
            continue
        changed = {f"{name}_more": delta for name, delta in deltas.items()}
        change = _count(tuple(sorted(deltas)))
        job = connection.execute(change, {"job": job_id, "at": at, **changed}).one()
        if job.queued + job.running == 0:
            end_if_drained(connection, at, job_id)
        elif job.queued and job.queued == deltas.get("queued"):
            scheduling.admit_job(connection, job.tenant, job_id)
            admitted[job.tenant] = job_id
    for tenant in sorted(admitted):
        scheduling.admit_tenant(connection, tenant, admitted[tenant])
    # Whoever took films holds its tenant's row before its usage, even if it had them all before.
    changed_tenants = tally.taken.keys() | {name for name, size in tally.film_bytes.items() if size}
    for tenant in sorted(changed_tenants):
        size = TenantRow.film_bytes + tally.film_bytes[tenant]
        connection.execute(update(TenantRow).where(TenantRow.id == tenant).values(film_bytes=size))
    for tenant, (films, size_taken) in sorted(tally.taken.items()):
        usage.count(connection, at, tenant, films, size_taken)


@cache
def _count(counters: tuple[str, ...]) -> ReturningUpdate[str, int, int]:
    """The statement that changes these counters; there are a few dozen combinations."""
    values: dict[str, Any] = {
        name: getattr(JobRow, name) + _number(f"{name}_more") for name in counters
    }
    if "films_read" in counters:
        values |= pace.moved(_AT, _number("films_read_more"))
    change = update(JobRow).where(JobRow.id == bindparam("job")).values(values)
    return change.returning(JobRow.tenant, JobRow.queued, JobRow.running)


def _number(name: str) -> BindParameter[int]:
    return bindparam(name, type_=Integer())


# Built once: these run with each batch, and to build one takes longer than to run it.
_AT: BindParameter[float] = bindparam("at", type_=Double())
_TAKE = {begins: _take(begins) for begins in (False, True)}


def end_if_drained(connection: Connection, at: float, job_id: str) -> bool:
    """Give a job its last status when no item of it is queued, running, or to be retried."""
    expired = (JobRow.status == JobStatus.CANCELLING) & JobRow.expires_at.is_not(None)
    status = case(
        (expired, JobStatus.EXPIRED.value),
        (JobRow.status == JobStatus.CANCELLING, JobStatus.CANCELLED.value),
        (JobRow.succeeded == 0, JobStatus.FAILED.value),
        (
            (JobRow.failed > 0) | JobRow.error_code.is_not(None),
            JobStatus.COMPLETED_WITH_ERRORS.value,
        ),
        else_=JobStatus.SUCCEEDED.value,
    )
    change = update(JobRow).where(JobRow.id == job_id, *DRAINED)
    ended = connection.execute(
        change.values(status=status, paused=False, finished_at=at).returning(
            JobRow.tenant, JobRow.status
        )
    ).one_or_none()
    if ended is None:
        return False
    kind = _END_EVENTS.get(ended.status, EventType.FINISHED)
    record(connection, at, kind, ended.tenant, job_id)
    return True


def finish_expanding(
    connection: Connection,
    at: float,
    job_id: str,
    lease_id: str | None,
    failure: Failure | None,
    *,
    spent: bool = False,
) -> bool:
    """Move a job from expanding to running, and on to its end when nothing is left to read.

    Args:
        connection: A write transaction.
        at: The server's time.
        job_id: The job.
        lease_id: The lease under which the archive was expanded; None for the sweep, which holds
            the job because its lease expired.
        failure: Why the archive could not be expanded to its end.
        spent: Whether its archive is kept no longer.

    Returns:
        False when the lease is lost or the job was cancelled.
    """
    empty = ("archive_empty", JOB_CODES["archive_empty"])
    code, reason = failure or empty
    blame = JobRow.total == 0 if failure is None else JobRow.total >= 0
    guard = JobRow.expand_lease_id == lease_id  # IS NULL when lease_id is None
    change = update(JobRow).where(JobRow.id == job_id, JobRow.status == JobStatus.EXPANDING, guard)
    job = connection.execute(
        change.values(
            status=JobStatus.RUNNING,
            archive_spent=spent,
            error_code=case((blame, code), else_=None),
            error_reason=case((blame, reason), else_=None),
            **NOT_EXPANDED,
        ).returning(JobRow.tenant)
    ).one_or_none()
    if job is None:
        return False
    record(connection, at, EventType.RUNNING, job.tenant, job_id)
    end_if_drained(connection, at, job_id)
    return True
