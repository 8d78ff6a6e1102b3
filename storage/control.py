"""What clients change about their jobs after they have made them."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from lungline.domain import Priority
from lungline.errors import WrongState
from storage import transitions
from storage.database import Database
from storage.jobs import Job, Jobs


class Control:
    """Pauses, resumes and changes jobs. Every change asked for twice is made once."""

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
