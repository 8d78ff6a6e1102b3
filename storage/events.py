"""What happened to jobs, in order: the source of streams and webhooks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, insert, select

from storage.database import Database
from storage.models import EventRow


class EventType(StrEnum):
    """What can happen to a job."""

    CREATED = "job.created"
    EXPANDING = "job.expanding"
    RUNNING = "job.running"
    PAUSED = "job.paused"
    RESUMED = "job.resumed"
    PRIORITY = "job.priority"
    RETRIED = "job.retried"
    CANCELLING = "job.cancelling"
    FINISHED = "job.finished"
    CANCELLED = "job.cancelled"
    EXPIRED = "job.expired"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to a job.

    Attributes:
        number: Its place among the events of its job, from 1; the cursor of a reader. It tells
            nothing of other jobs, whose events share the ids of the rows.
        at: Seconds since the epoch, by the server's clock.
        type: What happened.
        tenant: Whose job.
        job_id: Which job.
    """

    number: int
    at: float
    type: EventType
    tenant: str
    job_id: str


def record(connection: Connection, at: float, kind: EventType, tenant: str, job_id: str) -> None:
    """Write an event in the transaction of the change that it tells of."""
    connection.execute(
        insert(EventRow).values(at=at, type=kind.value, tenant=tenant, job_id=job_id)
    )


class Events:
    """Reads events."""

    def __init__(self, database: Database) -> None:
        """Keep the database."""
        self._database = database

    def after(self, tenant: str, job_id: str, known: int = 0, limit: int = 100) -> list[Event]:
        """List a job's events behind the first `known` ones, oldest first.

        Each is written by who holds the job's row, so that none comes before one that was read.
        """
        query = (
            select(EventRow.at, EventRow.type)
            .where(EventRow.tenant == tenant, EventRow.job_id == job_id)
            .order_by(EventRow.id)
            .offset(known)
            .limit(limit)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return [
            Event(number, row.at, EventType(row.type), tenant, job_id)
            for number, row in enumerate(rows, known + 1)
        ]
