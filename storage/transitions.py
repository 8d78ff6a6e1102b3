"""The only place where the status of an item or a job, or a job's counters, change.

Each change is an UPDATE guarded by the status it starts from; zero rows mean that somebody else
was first. Counters change in the same transaction as the items they count. Locks are taken in one
order everywhere: items by id, then jobs by id, then tenants. So a transaction changes all its items
first, collects what that does to the counters in a `Tally`, and settles the tally last.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    ScalarSelect,
    TextClause,
    and_,
    case,
    delete,
    func,
    insert,
    literal,
    select,
    update,
)

from lungline.domain import TERMINAL_JOB_STATUSES, ItemStatus, JobStatus, Priority
from lungline.errors import FILM_CODES, JOB_CODES
from storage import scheduling
from storage.events import EventType, record
from storage.models import (
    ITEM_FAILED,
    ITEM_QUEUED,
    ITEM_RUNNING,
    JOB_EXPIRING,
    JOB_LIVE,
    JOB_RETRIED,
    JOB_RUNNABLE,
    FailureRow,
    ItemRow,
    JobRow,
    PredictionRow,
)
from storage.tally import Tally

Failure = tuple[str, str]  # code, reason

_OPEN = (JobStatus.RECEIVING, JobStatus.EXPANDING, JobStatus.RUNNING)
_NO_LEASE: Mapping[str, None] = {
    "worker_id": None,
    "lease_id": None,
    "lease_expires_at": None,
    "lease_ends_at": None,
}
_END_EVENTS = {
    JobStatus.CANCELLED: EventType.CANCELLED,
    JobStatus.EXPIRED: EventType.EXPIRED,
}
_RETRIABLE = (JobStatus.COMPLETED_WITH_ERRORS, JobStatus.FAILED)
DRAINED = (JOB_LIVE, JobRow.queued == 0, JobRow.running == 0, JobRow.retry_before.is_(None))
"""Which jobs have nothing left to be waited for."""
_NOT_EXPANDED: Mapping[str, None] = {
    "expand_lease_id": None,
    "expand_worker_id": None,
    "expand_lease_expires_at": None,
}
_CANCELLING: dict[str, Any] = {
    "status": JobStatus.CANCELLING,
    "paused": False,
    "retry_before": None,
    **_NOT_EXPANDED,
}


# Items


def lock_items(
    connection: Connection,
    *conditions: ColumnElement[bool] | TextClause,
    limit: int | None = None,
    skip_locked: bool = False,
) -> list[str]:
    """Lock items in the order of their ids (SQLite's write lock covers all), and list the ids."""
    query = (
        select(ItemRow.id)
        .where(*conditions)
        .order_by(ItemRow.id)
        .limit(limit)
        .with_for_update(skip_locked=skip_locked)
    )
    return list(connection.execute(query).scalars())


def insert_items(connection: Connection, rows: Sequence[Mapping[str, Any]], tally: Tally) -> None:
    """Insert new items, each born queued, succeeded (read before) or failed."""
    if rows:
        connection.execute(insert(ItemRow), list(rows))
    for status in ItemStatus:
        tally.moved([row["job_id"] for row in rows if row["status"] is status], None, status)
    for row in rows:
        if row["reused"]:
            tally.add(row["job_id"], "reused", 1)


def start_items(connection: Connection, ids: Collection[str], lease: Mapping[str, Any]) -> int:
    """Move queued items to running under a lease; the job's counters are `take_films`' part.

    Args:
        connection: A write transaction that holds the items.
        ids: The items.
        lease: Values for `worker_id`, `lease_id`, `lease_expires_at`, `lease_ends_at`,
            `started_at`.
    """
    change = update(ItemRow).where(ItemRow.id.in_(ids), ITEM_QUEUED)
    return connection.execute(change.values(status=ItemStatus.RUNNING, **lease)).rowcount


def reuse_predictions(connection: Connection, at: float, ids: Collection[str], bundle: str) -> int:
    """Let queued items succeed by their film's earlier prediction (counters: `take_films`)."""
    change = update(ItemRow).where(ItemRow.id.in_(ids), ITEM_QUEUED)
    return connection.execute(
        change.values(
            status=ItemStatus.SUCCEEDED,
            prediction_id=_prediction_of_item(bundle),
            reused=True,
            finished_at=at,
        )
    ).rowcount


def succeed_items(
    connection: Connection, at: float, ids: Collection[str], bundle: str, tally: Tally
) -> int:
    """Move running items to succeeded, by their film's prediction of this bundle."""
    values = {
        "status": ItemStatus.SUCCEEDED,
        "prediction_id": _prediction_of_item(bundle),
        "attempt": ItemRow.attempt + 1,
        "finished_at": at,
        **_NO_LEASE,
    }
    moved = _change_items(connection, ids, ITEM_RUNNING, values)
    return tally.moved(moved, ItemStatus.RUNNING, ItemStatus.SUCCEEDED)


def fail_items(
    connection: Connection, at: float, failures: Mapping[str, Failure], tally: Tally
) -> int:
    """Move running items to failed, each with its code and reason."""
    moved: list[str] = []
    for item_id, (code, reason) in failures.items():
        values = _failed(at, code, reason) | {"attempt": ItemRow.attempt + 1}
        moved += _change_items(connection, [item_id], ITEM_RUNNING, values)
    return tally.moved(moved, ItemStatus.RUNNING, ItemStatus.FAILED)


def requeue_items(connection: Connection, ids: Collection[str], tally: Tally) -> int:
    """Move running items back to queued: the fault was not theirs, no attempt is counted."""
    values = {"status": ItemStatus.QUEUED, **_NO_LEASE}
    moved = _change_items(connection, ids, ITEM_RUNNING, values)
    return tally.moved(moved, ItemStatus.RUNNING, ItemStatus.QUEUED)


def bury_items(
    connection: Connection, at: float, ids: Collection[str], max_attempts: int, tally: Tally
) -> int:
    """Take back running items whose process died: nobody knows which of a batch was the cause.

    So each is read alone from now on, and only a death alone counts as its attempt; the last
    attempt fails the item.

    Returns:
        The number of items taken back.
    """
    since_retry = ItemRow.attempt + 1 - func.coalesce(ItemRow.attempts_before, 0)
    used_up = ItemRow.alone & (since_retry >= max_attempts)
    code = "attempts_exhausted"
    values = _failed(at, code, FILM_CODES[code]) | {"attempt": ItemRow.attempt + 1}
    failed = _change_items(connection, ids, and_(ITEM_RUNNING, used_up), values)
    count = tally.moved(failed, ItemStatus.RUNNING, ItemStatus.FAILED)
    again = {
        "status": ItemStatus.QUEUED,
        "attempt": ItemRow.attempt + case((ItemRow.alone, 1), else_=0),
        "alone": True,
        **_NO_LEASE,
    }
    queued = _change_items(connection, ids, ITEM_RUNNING, again)
    return count + tally.moved(queued, ItemStatus.RUNNING, ItemStatus.QUEUED)


def retry_items(connection: Connection, at: float, ids: Collection[str], tally: Tally) -> int:
    """Move failed items whose film is stored back to queued, and remember how they failed.

    Attempt numbers go on, but those before are not counted against the item again.
    """
    guard = and_(ITEM_FAILED, ItemRow.film_id.is_not(None))
    if ids:
        columns = [ItemRow.id, ItemRow.attempt, ItemRow.error_code, ItemRow.error_reason]
        failed = select(*columns, ItemRow.finished_at, literal(at)).where(
            ItemRow.id.in_(ids), guard
        )
        names = ["item_id", "attempt", "error_code", "error_reason", "finished_at", "retried_at"]
        connection.execute(insert(FailureRow).from_select(names, failed))
    values = {
        "status": ItemStatus.QUEUED,
        "error_code": None,
        "error_reason": None,
        "finished_at": None,
        "attempts_before": ItemRow.attempt,
    }
    moved = _change_items(connection, ids, guard, values)
    for job_id in moved:
        tally.add(job_id, "done_before", -1)
    return tally.moved(moved, ItemStatus.FAILED, ItemStatus.QUEUED)


def delete_items(connection: Connection, ids: Collection[str], tally: Tally) -> set[str]:
    """Remove ended items, which the caller holds, with all that is known of them.

    Returns:
        The ids of their films.
    """
    connection.execute(delete(FailureRow).where(FailureRow.item_id.in_(ids)))
    removed = connection.execute(
        delete(ItemRow)
        .where(ItemRow.id.in_(ids))
        .returning(ItemRow.job_id, ItemRow.status, ItemRow.reused, ItemRow.film_id)
    ).all()
    for row in removed:
        for counter in ("total", row.status.value):
            tally.add(row.job_id, counter, -1)
        tally.add(row.job_id, "reused", -int(row.reused))
    return {row.film_id for row in removed if row.film_id is not None}


def cancel_items(connection: Connection, at: float, ids: Collection[str], tally: Tally) -> int:
    """Move queued items to cancelled."""
    values = {"status": ItemStatus.CANCELLED, "finished_at": at}
    moved = _change_items(connection, ids, ITEM_QUEUED, values)
    return tally.moved(moved, ItemStatus.QUEUED, ItemStatus.CANCELLED)


def _change_items(
    connection: Connection,
    ids: Collection[str],
    guard: ColumnElement[bool] | TextClause,
    values: Mapping[str, Any],
) -> list[str]:
    """Change those items that pass the guard; list the job of each."""
    if not ids:
        return []
    change = update(ItemRow).where(ItemRow.id.in_(ids), guard).values(**values)
    return list(connection.execute(change.returning(ItemRow.job_id)).scalars())


def _failed(at: float, code: str, reason: str) -> dict[str, Any]:
    return {
        "status": ItemStatus.FAILED,
        "error_code": code,
        "error_reason": reason,
        "finished_at": at,
        **_NO_LEASE,
    }


def _prediction_of_item(bundle: str) -> ScalarSelect[str]:
    return (
        select(PredictionRow.id)
        .where(PredictionRow.film_id == ItemRow.film_id, PredictionRow.bundle == bundle)
        .scalar_subquery()
    )


# Jobs


def insert_job(connection: Connection, at: float, values: Mapping[str, Any]) -> None:
    """Insert a job without items, `running` or `expanding`, and tell that it exists."""
    connection.execute(insert(JobRow).values(created_at=at, **values))
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
    change = update(JobRow).where(JobRow.id == job_id, JOB_RUNNABLE)
    return bool(
        connection.execute(
            change.values(
                queued=JobRow.queued - started - reused,
                running=JobRow.running + started,
                succeeded=JobRow.succeeded + reused,
                reused=JobRow.reused + reused,
                vtime=JobRow.vtime + started / JobRow.weight,
                started_at=func.coalesce(JobRow.started_at, at),
                first_claim_at=func.coalesce(JobRow.first_claim_at, at),
            )
        ).rowcount
    )


def settle(connection: Connection, at: float, tally: Tally) -> None:
    """Change the counters of all jobs in the tally, end those that are done, admit new work."""
    admitted: dict[str, str] = {}
    for job_id in sorted(tally.deltas):
        deltas = {name: delta for name, delta in tally.deltas[job_id].items() if delta}
        if not deltas:
            continue
        change = update(JobRow).where(JobRow.id == job_id)
        job = connection.execute(
            change.values(
                {name: getattr(JobRow, name) + deltas[name] for name in deltas}
            ).returning(JobRow.tenant, JobRow.queued, JobRow.running)
        ).one()
        if job.queued + job.running == 0:
            end_if_drained(connection, at, job_id)
        elif job.queued and job.queued == deltas.get("queued"):
            scheduling.admit_job(connection, job.tenant, job_id)
            admitted[job.tenant] = job_id
    for tenant in sorted(admitted):
        scheduling.admit_tenant(connection, tenant, admitted[tenant])


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


def begin_cancelling(connection: Connection, at: float, tenant: str, job_id: str) -> bool:
    """Stop claims and the expansion of a job; False when its status does not allow it."""
    change = update(JobRow).where(_open_job(tenant, job_id)).values(expires_at=None)
    if not connection.execute(change.values(_CANCELLING)).rowcount:
        return False
    record(connection, at, EventType.CANCELLING, tenant, job_id)
    return True


def begin_expiring(connection: Connection, at: float, job_id: str) -> bool:
    """Stop a job whose time is over as if it were cancelled; its end will say `expired`.

    Returns:
        False when it has ended, or its time is not over.
    """
    change = update(JobRow).where(JobRow.id == job_id, JOB_EXPIRING, JobRow.expires_at <= at)
    stopped = change.values(_CANCELLING).returning(JobRow.tenant)
    tenant = connection.execute(stopped).scalar_one_or_none()
    if tenant is None:
        return False
    record(connection, at, EventType.CANCELLING, tenant, job_id)
    return True


def begin_retry(connection: Connection, at: float, tenant: str, job_id: str) -> bool:
    """Move an ended job with failed items back to running; False when its status does not allow it.

    It runs until what had failed by now has gone through the queue again (`retry_before`). An
    expiry is over: it was about the first run.
    """
    change = update(JobRow).where(_there(tenant, job_id), JobRow.status.in_(_RETRIABLE))
    values = {
        "status": JobStatus.RUNNING,
        "finished_at": None,
        "expires_at": None,
        "retry_before": at,
        # The rate counts from the first claim: what was done before that does not count.
        "first_claim_at": None,
        "done_before": JobRow.succeeded + JobRow.failed - JobRow.reused,
    }
    if not connection.execute(change.values(**values)).rowcount:
        return False
    record(connection, at, EventType.RETRIED, tenant, job_id)
    return True


def begin_deleting(connection: Connection, at: float, tenant: str, job_id: str) -> bool:
    """Hide an ended job from its tenant for ever; False when it has not ended.

    Its idempotency key is free again.
    """
    change = update(JobRow).where(_there(tenant, job_id), JobRow.status.in_(TERMINAL_JOB_STATUSES))
    gone = change.values(deleted_at=at, idempotency_key=None)
    return bool(connection.execute(gone).rowcount)


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
        JobRow.id == job_id, JOB_RETRIED, JobRow.status == JobStatus.RUNNING
    )
    kept = None if last else JobRow.retry_before
    return bool(connection.execute(change.values(retry_before=kept)).rowcount)


def pause(connection: Connection, at: float, tenant: str, job_id: str) -> bool:
    """Let claims and expanders pass a job by; False when its status does not allow it.

    Films under a lease are read to their end; an expander loses its lease, and what it had
    committed stays.
    """
    change = update(JobRow).where(_open_job(tenant, job_id), ~JobRow.paused)
    if connection.execute(change.values(paused=True, **_NOT_EXPANDED)).rowcount:
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


def _there(tenant: str, job_id: str) -> ColumnElement[bool]:
    return and_(JobRow.id == job_id, JobRow.tenant == tenant, JobRow.deleted_at.is_(None))


def _open_job(tenant: str, job_id: str) -> ColumnElement[bool]:
    return and_(JobRow.id == job_id, JobRow.tenant == tenant, JobRow.status.in_(_OPEN))


def _is_open(connection: Connection, tenant: str, job_id: str) -> bool:
    return (
        connection.execute(select(JobRow.id).where(_open_job(tenant, job_id))).first() is not None
    )


def finish_expanding(
    connection: Connection,
    at: float,
    job_id: str,
    lease_id: str | None,
    failure: Failure | None,
) -> bool:
    """Move a job from expanding to running, and on to its end when nothing is left to read.

    Args:
        connection: A write transaction.
        at: The server's time.
        job_id: The job.
        lease_id: The lease under which the archive was expanded; None for the sweep, which holds
            the job because its lease expired.
        failure: Why the archive could not be expanded to its end.

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
            error_code=case((blame, code), else_=None),
            error_reason=case((blame, reason), else_=None),
            **_NOT_EXPANDED,
        ).returning(JobRow.tenant)
    ).one_or_none()
    if job is None:
        return False
    record(connection, at, EventType.RUNNING, job.tenant, job_id)
    end_if_drained(connection, at, job_id)
    return True
