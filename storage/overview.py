"""The state of the whole queue in a few numbers, for metrics."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select

from lungline.domain import ItemStatus, JobStatus
from storage.database import Database
from storage.models import ITEM_FAILED, ITEM_RUNNING, JOB_RUNNABLE, ItemRow, JobRow


@dataclass(frozen=True, slots=True)
class QueueState:
    """How much there is, over all tenants.

    Attributes:
        jobs: Number of jobs by status; every status is there.
        items: Number of films by status; every status is there.
        oldest_queued_seconds: Age of the oldest job with films that wait; 0 when none waits.
        idle_seconds: For how long films have waited and nobody has read any; 0 while somebody reads
            or none waits.
        expired_leases: Films whose worker stopped renewing, not yet taken from it.
        failures: Number of failed films by code.
    """

    jobs: dict[str, int]
    items: dict[str, int]
    oldest_queued_seconds: float
    idle_seconds: float
    expired_leases: int
    failures: dict[str, int]


class Overview:
    """Adds up the jobs' counters; of the items only those that run or failed are looked at."""

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
        latest = func.max(func.coalesce(JobRow.last_read_at, JobRow.created_at))
        idle = select(self._database.now() - latest).where(JOB_RUNNABLE)
        expired = (
            select(func.count())
            .select_from(ItemRow)
            .where(ITEM_RUNNING, ItemRow.lease_expires_at < self._database.now())
        )
        failed = (
            select(ItemRow.error_code, func.count()).where(ITEM_FAILED).group_by(ItemRow.error_code)
        )
        with self._database.read() as connection:
            rows = connection.execute(by_status).all()
            failures = {str(code): int(count) for code, count in connection.execute(failed)}
            age = connection.execute(oldest).scalar_one()
            since = connection.execute(idle).scalar_one()
            leases = connection.execute(expired).scalar_one()
        jobs = {status.value: 0 for status in JobStatus}
        items = {status.value: 0 for status in ItemStatus}
        for status, count, *sums in rows:
            jobs[str(status)] += count
            for item_status, films in zip(ItemStatus, sums, strict=True):
                items[item_status.value] += int(films)
        if items[ItemStatus.RUNNING]:
            since = 0.0
        return QueueState(
            jobs,
            items,
            oldest_queued_seconds=max(0.0, float(age or 0.0)),
            idle_seconds=max(0.0, float(since or 0.0)),
            expired_leases=leases,
            failures=failures,
        )
