"""How many jobs go before one that waits, counted over the rows of runnable jobs."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, case, distinct, func, null, or_, select, tuple_
from sqlalchemy.orm import aliased

from lungline.domain import JobStatus
from storage.models import JOB_RUNNABLE, JobRow, TenantRow, predicate_of

_OPEN = (JobStatus.RECEIVING, JobStatus.EXPANDING, JobStatus.RUNNING)


def queue_position() -> ColumnElement[int | None]:
    """The jobs whose films are read before the first of a job, as a column of its query.

    These are the runnable jobs of higher priority, those of its tenant with less virtual time, and
    one of each tenant with less virtual time: after that it is this one's turn. A job that was
    claimed before has its turns among the others: 0. None: it is paused, stopped or ended.
    """
    return _POSITION


def _position() -> ColumnElement[int | None]:
    waits = and_(JobRow.status.in_(_OPEN), ~JobRow.paused)
    return case(
        (and_(waits, JobRow.first_claim_at.is_(None)), _jobs_before() + _tenants_before()),
        (waits, 0),
        else_=null(),
    )


def _jobs_before() -> ColumnElement[int]:
    others = aliased(JobRow, name="jobs_before")
    first = tuple_(others.vtime, others.id) < tuple_(JobRow.vtime, JobRow.id)
    own = and_(others.priority == JobRow.priority, others.tenant == JobRow.tenant, first)
    count = (
        select(func.count()).select_from(others).where(predicate_of(JOB_RUNNABLE, "jobs_before"))
    )
    before = count.where(or_(others.priority < JobRow.priority, own))
    return before.correlate(JobRow).scalar_subquery()


def _tenants_before() -> ColumnElement[int]:
    others, theirs = aliased(JobRow, name="jobs_beside"), aliased(TenantRow)
    own = aliased(TenantRow)
    vtime = select(own.vtime).where(own.id == JobRow.tenant).correlate(JobRow).scalar_subquery()
    count = (
        select(func.count(distinct(others.tenant)))
        .select_from(others)
        .join(theirs, theirs.id == others.tenant)
        .where(predicate_of(JOB_RUNNABLE, "jobs_beside"), others.priority == JobRow.priority)
        .where(others.tenant != JobRow.tenant)
        .where(tuple_(theirs.vtime, theirs.id) < tuple_(vtime, JobRow.tenant))
    )
    return count.correlate(JobRow).scalar_subquery()


_POSITION = _position()  # to build it takes longer than to ask it
