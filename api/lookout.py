"""One pair of eyes for all event streams of a process.

Two hundred streams that each asked the database would keep others from their answers. Here one
thread reads all followed jobs at once, and wakes the streams of those that have changed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Condition, RLock, Thread

from api.conditional import job_tag
from lungline.errors import LunglineError
from lungline.telemetry import get_logger
from storage.jobs import Job

log = get_logger(__name__)

QUICKEST_LOOK_SECONDS = 0.2
SLOWEST_LOOK_SECONDS = 1.0
_SLOWER = 1.2

Look = Callable[[Sequence[str]], Mapping[str, Job]]


class Gone(Exception):
    """A followed job cannot be read any more; whoever follows it should ask anew."""


@dataclass(slots=True)
class _Followed:
    """A job that somebody follows."""

    changed: Condition
    readers: int = 0
    job: Job | None = None
    tag: str = ""
    gone: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """What one stream sees of its job."""

    _followed: _Followed

    def newer(self, job: Job, seconds: float) -> Job | None:
        """Wait until the job has changed.

        Args:
            job: As it is known.
            seconds: Longest wait.

        Returns:
            The job as it is now; None when it has not changed in time.

        Raises:
            Gone: It is deleted, or the database does not answer.
        """
        followed, tag = self._followed, job_tag(job)

        def has_changed() -> bool:
            seen = followed.job
            # What was seen before the job was read is older, though it is different.
            return seen is not None and followed.tag != tag and seen.read_at > job.read_at

        with followed.changed:
            followed.changed.wait_for(lambda: followed.gone or has_changed(), seconds)
            if followed.gone:
                raise Gone
            return followed.job if has_changed() else None


@dataclass(slots=True)
class Lookout:
    """Looks at all followed jobs, five times a second while any changes, else once a second.

    Its thread lives as long as anybody follows a job.

    Attributes:
        look: Reads jobs by id, in one go; what is not there is left out.
    """

    look: Look
    _lock: RLock = field(default_factory=RLock)
    _followed: dict[str, _Followed] = field(default_factory=dict)
    _thread: Thread | None = None

    @contextmanager
    def watch(self, job_id: str) -> Iterator[View]:
        """Follow a job for the length of the block."""
        with self._lock:
            followed = self._followed.get(job_id)
            if followed is None or followed.gone:
                followed = self._followed[job_id] = _Followed(Condition(self._lock))
            followed.readers += 1
            if self._thread is None:
                self._thread = Thread(target=self._run, name="lookout", daemon=True)
                self._thread.start()
        try:
            yield View(followed)
        finally:
            with self._lock:
                followed.readers -= 1
                if not followed.readers and self._followed.get(job_id) is followed:
                    del self._followed[job_id]

    def _run(self) -> None:
        pause = QUICKEST_LOOK_SECONDS
        while True:
            time.sleep(pause)
            with self._lock:
                looked_at = dict(self._followed)
                if not looked_at:
                    self._thread = None
                    return
            slower = min(pause * _SLOWER, SLOWEST_LOOK_SECONDS)
            pause = QUICKEST_LOOK_SECONDS if self._look_at(looked_at) else slower

    def _look_at(self, followed: Mapping[str, _Followed]) -> bool:
        """Look once; tell whether any job has changed."""
        try:
            jobs = self.look(list(followed))
        except LunglineError as error:
            log.warning("followed jobs not read; their streams end", code=error.code)
            jobs = {}
        except Exception:
            log.exception("followed jobs not read; their streams end")
            jobs = {}
        tags = {job_id: job_tag(job) for job_id, job in jobs.items()}
        changed = False
        with self._lock:
            for job_id, each in followed.items():
                job = jobs.get(job_id)
                if job is not None and tags[job_id] == each.tag:
                    each.job = job
                    continue
                each.job, each.tag, each.gone = job, tags.get(job_id, ""), job is None
                each.changed.notify_all()
                changed = True
        return changed
