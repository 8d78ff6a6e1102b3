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
        id: Grows with each event; the cursor of a reader.
        at: Seconds since the epoch, by the server's clock.
        type: What happened.
        tenant: Whose job.
        job_id: Which job.
    """

    id: int
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

    def after(self, tenant: str, job_id: str, cursor: int = 0, limit: int = 100) -> list[Event]:
        """List a job's events whose id is larger than `cursor`, oldest first."""
        query = (
            select(EventRow.id, EventRow.at, EventRow.type, EventRow.tenant, EventRow.job_id)
            .where(EventRow.tenant == tenant, EventRow.job_id == job_id, EventRow.id > cursor)
            .order_by(EventRow.id)
            .limit(limit)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return [Event(row.id, row.at, EventType(row.type), row.tenant, row.job_id) for row in rows]
