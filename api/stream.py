"""A job as a stream of server-sent events (HTML standard, section 9.2): what happened, and counts.

Two kinds of events come. What happened has an id, its number within the job, by which a reader that
lost its connection goes on (`Last-Event-ID`). Snapshots (`job`) carry the job as
`GET /v1/jobs/{id}` tells it; they have no id, since a reader needs the latest only.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

from api.lookout import Gone, Lookout, View
from api.wire import Wire, iso, job_wire
from lungline.errors import LunglineError
from storage.events import Event
from storage.jobs import Job
from storage.repository import Repository

RECONNECT_MILLISECONDS = 2_000
HEARTBEAT_SECONDS = 15.0
LEFT_SECONDS = 1.0
"""How often a stream without news looks whether its reader has gone."""
_PAGE = 100
_HEARTBEAT = ": still here\n\n"


@dataclass(frozen=True, slots=True)
class Follower:
    """Follows one job for one reader.

    Attributes:
        repository: Read in short transactions; nothing is held between them.
        lookout: Sees when the job changes.
        tenant: Whose job.
        job_id: Which job.
        left: Whether the reader has gone, or the service stops.
        heartbeat_seconds: After this long without news a comment is sent, so that proxies keep
            the connection and a reader that has gone is noticed.
    """

    repository: Repository
    lookout: Lookout
    tenant: str
    job_id: str
    left: Callable[[], bool] = lambda: False
    heartbeat_seconds: float = HEARTBEAT_SECONDS

    def text(self, known: int) -> Iterator[str]:
        """Yield the stream from behind the first `known` events until the job has ended.

        The stream also ends, to be taken up again by the reader, when a part does not answer.
        """
        yield f"retry: {RECONNECT_MILLISECONDS}\n\n"
        try:
            with self.lookout.watch(self.job_id) as view:
                yield from self._told(view, known)
        except (Gone, LunglineError):
            return

    def _told(self, view: View, known: int) -> Iterator[str]:
        job = self.repository.jobs.get(self.tenant, self.job_id)
        changed: Job | None = job
        said_at = time.monotonic()
        while not self.left():
            if changed is not None:
                job, said_at = changed, time.monotonic()
                while (told := (yield from self._happened(known))) != known:
                    # What has happened may be younger than the job that was seen.
                    known, job = told, self.repository.jobs.get(self.tenant, self.job_id)
                yield message("job", job_wire(job))
                if job.status.terminal:
                    return
            elif time.monotonic() - said_at >= self.heartbeat_seconds:
                said_at = time.monotonic()
                yield _HEARTBEAT
            changed = view.newer(job, LEFT_SECONDS)

    def nothing_left(self, job: Job, known: int) -> bool:
        """Whether a reader that has had `known` events has had all of a job that has ended."""
        if not job.status.terminal or known <= 0:
            return False
        return not self.repository.events.after(self.tenant, self.job_id, known, limit=1)

    def _happened(self, known: int) -> Generator[str, None, int]:
        # A status and its event are one transaction, so a job that was read has its events.
        while events := self.repository.events.after(self.tenant, self.job_id, known, _PAGE):
            for event in events:
                yield message(str(event.type), event_wire(event), event.number)
            known = events[-1].number
        return known


def message(kind: str, data: Wire, number: int | None = None) -> str:
    """Write one event. JSON has no line breaks of its own, so the data are one line."""
    lines = [f"event: {kind}", f"data: {json.dumps(data, ensure_ascii=False)}"]
    if number is not None:
        lines.insert(0, f"id: {number}")
    return "\n".join(lines) + "\n\n"


def event_wire(event: Event) -> Wire:
    """An event as streams tell it."""
    return {"type": str(event.type), "job_id": event.job_id, "at": iso(event.at)}
