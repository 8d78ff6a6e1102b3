"""What clients change about their jobs after they have made them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from lungline.domain import JobStatus, Priority
from lungline.errors import NothingToRetry, WrongState
from storage import transitions
from storage.database import Database
from storage.jobs import CHUNK_ROWS, Job, Jobs
from storage.models import ITEM_FAILED, ItemRow, JobRow
from storage.tally import Tally


@dataclass(frozen=True, slots=True)
class Retry:
    """What became of a job's failed films.

    Attributes:
        job: The job, running again, or expanding where its archive had been given up.
        retried: Films that go back into the queue; of a large job most of them a moment later.
        refused: Films that stay failed: they were refused when they came, so there is nothing
            stored that could be read.
    """

    job: Job
    retried: int
    refused: int


class Control:
    """Pauses, resumes, changes and retries jobs. Every change asked for twice is made once."""

    def __init__(self, database: Database, jobs: Jobs) -> None:
        """Keep the database, and where jobs are read."""
        self._database = database
        self._jobs = jobs

    def pause(self, tenant: str, job_id: str) -> Job:
        """Let nothing new of a job be read, or expanded, until it is resumed.

        Raises:
            JobNotFound: There is no such job.
            WrongState: The job has ended, or is being cancelled.
        """
        return self._change(tenant, job_id, "pause", transitions.pause)

    def resume(self, tenant: str, job_id: str) -> Job:
        """Let a paused job go on.

        Raises:
            JobNotFound: There is no such job.
            WrongState: The job has ended, or is being cancelled.
        """
        return self._change(tenant, job_id, "resume", transitions.resume)

    def rename(self, tenant: str, job_id: str, name: str) -> Job:
        """Call a job something else, whatever its status.

        Raises:
            JobNotFound: There is no such job.
        """
        self._database.run(lambda c: transitions.rename(c, tenant, job_id, name))
        return self._jobs.get(tenant, job_id)

    def reprioritize(self, tenant: str, job_id: str, priority: Priority) -> Job:
        """Change which jobs come before this one.

        Raises:
            JobNotFound: There is no such job.
            WrongState: The job has ended, or is being cancelled.
        """

        def change(connection: Connection, at: float, tenant: str, job_id: str) -> bool:
            return transitions.reprioritize(connection, at, tenant, job_id, priority)

        return self._change(tenant, job_id, "move", change)

    def retry(self, tenant: str, job_id: str, limit: int = CHUNK_ROWS) -> Retry:
        """Read the failed films of an ended job again.

        Up to `limit` go back into the queue now, the rest by the sweep. An archive that was given
        up, for its expanders died, is expanded further, from where they had come to.

        Raises:
            JobNotFound: There is no such job.
            WrongState: It has not ended, or was cancelled, or has expired.
            NothingToRetry: Every film that failed was refused when it came, and the archive was
                expanded to its end, or is gone.
        """

        def work(connection: Connection) -> tuple[int, int] | None:
            ids = _lock_failed(connection, job_id, limit)
            at = self._database.time(connection)
            status = transitions.begin_retry(connection, at, tenant, job_id)
            if status is None:
                return None
            refused = _count_refused(connection, job_id)
            if not ids and status is not JobStatus.EXPANDING:
                raise NothingToRetry(
                    "Every film that failed was refused when it came, so there is none stored that "
                    "could be read again. Send better ones as a new job."
                )
            count = select(JobRow.failed).where(JobRow.id == job_id)
            failed = connection.execute(count).scalar_one()
            self._put_back(connection, at, job_id, ids, last=len(ids) < limit)
            return failed - refused, refused

        counts = self._database.run(work)
        job = self._jobs.get(tenant, job_id)
        if counts is None:
            raise WrongState(
                f"The job is {job.status}. Only a job that has ended with failed films, and was "
                "not stopped, can be retried."
            )
        return Retry(job, *counts)

    def retry_some(self, job_id: str, limit: int) -> int:
        """Put failed films of a job that is being retried back into the queue, for the sweep.

        Returns:
            The number of films put back.
        """

        def work(connection: Connection) -> int:
            ids = _lock_failed(connection, job_id, limit)
            at = self._database.time(connection)
            return self._put_back(connection, at, job_id, ids, last=len(ids) < limit)

        return self._database.run(work)

    @staticmethod
    def _put_back(
        connection: Connection, at: float, job_id: str, ids: list[str], *, last: bool
    ) -> int:
        if not transitions.hold_retry(connection, job_id, last=last):
            return 0
        tally = Tally()
        count = transitions.retry_items(connection, at, ids, tally)
        transitions.settle(connection, at, tally)
        transitions.end_if_drained(connection, at, job_id)
        return count

    def _change(
        self,
        tenant: str,
        job_id: str,
        verb: str,
        change: Callable[[Connection, float, str, str], bool],
    ) -> Job:
        def work(connection: Connection) -> bool:
            return change(connection, self._database.time(connection), tenant, job_id)

        done = self._database.run(work)
        job = self._jobs.get(tenant, job_id)
        if not done:
            raise WrongState(f"The job is {job.status}; there is nothing left to {verb}.")
        return job


def _lock_failed(connection: Connection, job_id: str, limit: int) -> list[str]:
    """Lock failed items that can be read again; of a retried job, those it was retried for."""
    before = select(JobRow.retry_before).where(JobRow.id == job_id).scalar_subquery()
    return transitions.lock_items(
        connection,
        ItemRow.job_id == job_id,
        ITEM_FAILED,
        ItemRow.film_id.is_not(None),
        ItemRow.finished_at <= func.coalesce(before, ItemRow.finished_at),
        limit=limit,
    )


def _count_refused(connection: Connection, job_id: str) -> int:
    query = select(func.count()).select_from(ItemRow)
    refused = query.where(ItemRow.job_id == job_id, ITEM_FAILED, ItemRow.film_id.is_(None))
    return connection.execute(refused).scalar_one()
