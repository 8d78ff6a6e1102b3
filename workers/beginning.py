"""The start of a child, which may fail: it ends at once, and its successors take their time.

Celery logs what a child's start raises and lets the child go on: it would spend permits and read
nothing.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import NoReturn

from lungline.errors import LunglineError
from lungline.telemetry import get_logger
from workers.crew import Crew
from workers.ready import ReadyFile

log = get_logger(__name__)

FAILED = 70
"""Exit status of a child that could not start (EX_SOFTWARE of sysexits.h)."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 30.0
MOST_FAILURES = 5
"""In a row, of each child, before the worker ends: what supervises it makes it visible."""
_STEP_SECONDS = 0.1


def begin(crew: Crew, slot: int, ready: ReadyFile, start: Callable[[], None]) -> None:
    """Start the child in `slot`, or end this process.

    Args:
        crew: To which the child belongs.
        slot: Its place there.
        ready: Tells why it could not start.
        start: Does it.
    """
    if useless(crew):
        _end_worker(crew)
    _pause(crew, slot)
    # Forgotten once it has started: whatever ends this process before that counts.
    failures = crew.fail(slot)
    try:
        ready.clear()
        start()
    except Exception as error:
        _tell(error, ready, slot=slot, in_a_row=failures)
        os._exit(FAILED)
    crew.forget_failures(slot)


def useless(crew: Crew) -> bool:
    """Whether no child of a worker can start."""
    return all(crew.failures(slot) >= MOST_FAILURES for slot in range(crew.slots))


def _pause(crew: Crew, slot: int) -> None:
    """Wait the longer, the more predecessors could not start."""
    failures = crew.failures(slot)
    if not failures:
        return
    seconds = min(FIRST_PAUSE_SECONDS * 2.0 ** (failures - 1), LONGEST_PAUSE_SECONDS)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if crew.stopping or os.getppid() != crew.parent:
            os._exit(FAILED)
        time.sleep(_STEP_SECONDS)


def _tell(error: Exception, ready: ReadyFile, **which: int) -> None:
    expected = isinstance(error, LunglineError)
    reason = error.message if isinstance(error, LunglineError) else type(error).__name__
    try:
        ready.refuse(reason)
    except OSError as failure:
        log.warning("the reason is not written down", error=type(failure).__name__)
    log.error("this process cannot start; it ends", reason=reason, exc_info=not expected, **which)


def _end_worker(crew: Crew) -> NoReturn:
    if not crew.stopping:
        log.error("no process of this worker can start; the worker ends")
        crew.stop()
        os.kill(crew.parent, signal.SIGTERM)
    os._exit(FAILED)
