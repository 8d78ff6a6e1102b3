"""Following a job: the service holds its answer back until there is news."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from lungline.client.errors import ServiceError, ServiceUnreachable, StillRunning
from lungline.client.jobs import Job
from lungline.client.transport import Transport

LONG_POLL_SECONDS = 20
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 1.0
PATIENCE_SECONDS = 120.0
_SOON_SECONDS = 1.0


def follow(
    transport: Transport, path: str, away: Callable[[str], None], timeout: float | None = None
) -> Iterator[Job]:
    """Yield a job after each change until it has ended; its last state comes last.

    A pause follows each answer, so that a job that changes all the time is not asked about all
    the time; it grows while answers without news come early, as they do from a service on which
    too many wait.

    Args:
        transport: Carries the requests.
        path: Of the job.
        away: Told why when the service does not answer.
        timeout: Seconds after which nobody waits any more; None: never.

    Raises:
        StillRunning: The job has not ended by then.
    """
    end = None if timeout is None else time.monotonic() + timeout
    tag: str | None = None
    pause, seen_at = FIRST_PAUSE_SECONDS, time.monotonic()
    while True:
        asked_at = time.monotonic()
        try:
            wire, tag = transport.get_newer(path, tag, wait=_patience(end) if tag else None)
        except (ServiceUnreachable, ServiceError) as error:
            temporary = isinstance(error, ServiceUnreachable) or error.temporary
            if not temporary or time.monotonic() - seen_at > PATIENCE_SECONDS:
                raise
            away(error.message)
            time.sleep(LONGEST_PAUSE_SECONDS)
            continue
        seen_at = time.monotonic()
        if wire is not None:
            job = Job.from_wire(wire)
            yield job
            if job.status.terminal:
                return
        if end is not None and time.monotonic() >= end:
            raise StillRunning(f"the job has not ended within {timeout:g} s; it goes on")
        early = (wire is None or tag is None) and seen_at - asked_at < _SOON_SECONDS
        pause = min(pause * 1.5, LONGEST_PAUSE_SECONDS) if early else FIRST_PAUSE_SECONDS
        time.sleep(pause)


def _patience(end: float | None) -> int:
    """Whole seconds for which the service shall hold its answer back."""
    if end is None:
        return LONG_POLL_SECONDS
    return max(0, min(LONG_POLL_SECONDS, int(end - time.monotonic())))
