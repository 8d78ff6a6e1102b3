"""The state of the whole queue in a few numbers, for metrics."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select

from lungline.domain import ItemStatus, JobStatus
from storage.database import Database
from storage.models import JOB_RUNNABLE, JobRow


@dataclass(frozen=True, slots=True)
class QueueState:
    """How much there is, over all tenants.

    Attributes:
        jobs: Number of jobs by status; every status is there.
        items: Number of films by status; every status is there.
        oldest_queued_seconds: Age of the oldest job with films that wait; 0 when none waits.
    """

    jobs: dict[str, int]
    items: dict[str, int]
    oldest_queued_seconds: float


class Overview:
    """Adds up the jobs' counters; the items, of which there may be millions, are not touched."""

    def __init__(self, database: Database) -> None:
        """Read from `database`."""
        self._database = database

    def read(self) -> QueueState:
        """Add up.

        Raises:
            DatabaseUnavailable: The database does not answer.
        """
        counters = [getattr(JobRow, status.value) for status in ItemStatus]
        by_status = select(
            JobRow.status, func.count(), *(func.sum(counter) for counter in counters)
        ).group_by(JobRow.status)
        oldest = select(self._database.now() - func.min(JobRow.created_at)).where(JOB_RUNNABLE)
        with self._database.read() as connection:
            rows = connection.execute(by_status).all()
            age = connection.execute(oldest).scalar_one()
        jobs = {status.value: 0 for status in JobStatus}
        items = {status.value: 0 for status in ItemStatus}
        for status, count, *sums in rows:
            jobs[str(status)] += count
            for item_status, films in zip(ItemStatus, sums, strict=True):
                items[item_status.value] += int(films)
        return QueueState(jobs, items, max(0.0, float(age or 0.0)))
