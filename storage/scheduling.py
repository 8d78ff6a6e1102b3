"""Whose films are read next: priority, then the tenant's virtual time, then the job's.

A virtual time grows by films / weight with each claim, so that those who had least come first
(start-time fair queueing: Goyal, Vin, Cheng, SIGCOMM 1996).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import (
    ColumnElement,
    Connection,
    Double,
    Integer,
    bindparam,
    case,
    exists,
    func,
    select,
    update,
)

from lungline.domain import Priority
from storage.clock import server_now
from storage.columns import AnyRow
from storage.models import JOB_RUNNABLE, JobRow, TenantRow

IN_TURN = case(*((JobRow.priority == int(each), bindparam(each.name)) for each in Priority))
"""A job's place by its priority; `turns` binds the place of each."""
_CANDIDATES = (
    select(
        JobRow.id,
        JobRow.tenant,
        JobRow.bundle,
        JobRow.priority,
        func.sum(JobRow.queued).over().label("waiting"),
        (server_now() + bindparam("clock_offset", type_=Double())).label("at"),
    )
    .join(TenantRow, TenantRow.id == JobRow.tenant)
    .where(JOB_RUNNABLE)
    .order_by(
        IN_TURN,
        TenantRow.vtime,
        TenantRow.id,
        JobRow.vtime,
        JobRow.id,
    )
    .limit(bindparam("most", type_=Integer()))
    .offset(bindparam("before", type_=Integer()))
)
_CHARGE = (
    update(TenantRow)
    .where(TenantRow.id == bindparam("tenant"))
    .values(vtime=TenantRow.vtime + bindparam("films", type_=Integer()) / TenantRow.weight)
)


def candidates(
    connection: Connection,
    priorities: Sequence[Priority],
    limit: int,
    offset: int = 0,
    clock_offset: float = 0.0,
) -> Sequence[AnyRow]:
    """List runnable jobs in the order in which a claim tries them.

    Args:
        connection: A transaction.
        priorities: All of them, in the order in which this claim looks at them.
        limit: Most jobs to list.
        offset: Jobs before them, which others hold.
        clock_offset: See `Database`.

    Returns:
        Rows of `id`, `tenant`, `bundle`, `priority`; `waiting`, the films that wait in all runnable
        jobs; and `at`, the server's time.
    """
    page = {"most": limit, "before": offset, "clock_offset": clock_offset}
    return connection.execute(_CANDIDATES, turns(priorities) | page).all()


def turns(priorities: Sequence[Priority]) -> dict[str, int]:
    """Bind the places of priorities in `IN_TURN`, the first being looked at first."""
    return {priority.name: place for place, priority in enumerate(priorities)}


def charge_tenants(connection: Connection, films: Mapping[str, int]) -> None:
    """Advance the virtual time of each tenant by the films that were claimed for it."""
    for tenant in sorted(films):
        connection.execute(_CHARGE, {"tenant": tenant, "films": films[tenant]})


def admit_job(connection: Connection, tenant: str, job_id: str) -> None:
    """Let a job that became runnable start no earlier than the least of its tenant's others.

    Without this a job that waited for its first film, or was paused, would be owed all that the
    others had. The others are those of its priority, for it takes turns with no further ones: the
    little that a waiting bulk job has had is no measure for a normal one.
    """
    priority = select(JobRow.priority).where(JobRow.id == job_id).scalar_subquery()
    least = select(func.min(JobRow.vtime)).where(
        JOB_RUNNABLE,
        JobRow.tenant == tenant,
        JobRow.id != job_id,
        JobRow.priority == priority,
    )
    floor: float | None = connection.execute(least).scalar()
    if floor is not None:
        connection.execute(
            update(JobRow).where(JobRow.id == job_id, JobRow.vtime < floor).values(vtime=floor)
        )


def admit_tenant(connection: Connection, tenant: str, job_id: str) -> None:
    """Let a tenant whose first job became runnable start no earlier than the least of the others.

    While no other tenant has work, the largest virtual time of all takes that place: the end of a
    busy period is where the next one begins, so an idle day earns no credit.
    """
    if _has_work(connection, JobRow.tenant == tenant, JobRow.id != job_id):
        return
    least = select(func.min(TenantRow.vtime)).where(
        TenantRow.id != tenant,
        exists(select(JobRow.id).where(JOB_RUNNABLE, JobRow.tenant == TenantRow.id)),
    )
    floor: float | None = connection.execute(least).scalar()
    if floor is None:
        floor = connection.execute(select(func.max(TenantRow.vtime))).scalar_one()
    connection.execute(
        update(TenantRow).where(TenantRow.id == tenant, TenantRow.vtime < floor).values(vtime=floor)
    )


def _has_work(connection: Connection, *conditions: ColumnElement[bool]) -> bool:
    query = select(JobRow.id).where(JOB_RUNNABLE, *conditions).limit(1)
    return connection.execute(query).first() is not None
