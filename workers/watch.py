"""Noticing a worker that is alive and does nothing: parent and children watch each other.

Each says on the crew's board that it moves. The parent, in its event loop, ends a child that stands
still; a thread of each child ends the whole worker when the parent stands still, or when nobody of
it gets a permit although permits wait. Whatever supervises the worker starts it again. Nobody
watches itself, so no hang of one of them goes unseen; that of all at once is seen from outside
(`lungline.heartbeat`).

Time is counted in looks, not by a clock: while the whole machine is suspended nobody looks.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from functools import partial

from lungline.errors import BrokerUnavailable
from lungline.heartbeat import LONGEST_PAUSE_SECONDS
from lungline.settings import Settings
from lungline.telemetry import get_logger
from workers.crew import Crew
from workers.lease import ORPHANED
from workers.progress import STALLED

log = get_logger(__name__)

LOOKS = 12
"""Looks without a change after which something stands still."""
LAST_BATCH_SECONDS = 10.0
"""How long children that are busy have for their batch before the worker ends."""


def look_seconds(stall_seconds: float) -> float:
    """Time between two looks."""
    return min(LONGEST_PAUSE_SECONDS, stall_seconds / LOOKS)


class Stillness:
    """Counts the looks since something changed."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._seen: object = None
        self.looks = 0

    def look(self, seen: object, *, judged: bool = True) -> int:
        """Look once more.

        Args:
            seen: What changes for as long as all is well.
            judged: Whether standing still is wrong now; if not, the count begins anew.

        Returns:
            The number of looks since the last change.
        """
        self.looks = self.looks + 1 if judged and seen == self._seen else 0
        self._seen = seen
        return self.looks


class Overseer:
    """The parent's eye on its children; called by the event loop.

    A child that holds work may hold the interpreter's lock too (a bundle is compiled, a film
    decoded), so that its thread cannot beat: it has the hard limit of a batch in addition. One that
    is still loading has not begun to beat, and Celery's `worker_proc_alive_timeout` watches it.
    """

    def __init__(self, crew: Crew, settings: Settings) -> None:
        """Watch a crew.

        Args:
            crew: Whose parent this process is.
            settings: Of this process.
        """
        self._crew = crew
        stall = settings.stall_seconds
        self.every = look_seconds(stall)
        """Seconds between two looks; 0: nobody looks."""
        self._idle_looks = round(stall / self.every) if self.every else 0
        busy = stall + settings.batch_hard_limit_seconds
        self._busy_looks = round(busy / self.every) if self.every else 0
        self._children = [(Stillness(), Stillness()) for _ in range(crew.slots)]

    def look(self) -> None:
        """Say that the parent moves, and end the children that do not."""
        crew = self._crew
        crew.beat()
        if not self.every or crew.stopping:
            return
        for slot, (idle, busy) in enumerate(self._children):
            beats, held = crew.beats(slot), crew.holder(slot) != 0
            idle.look(beats, judged=beats > 0 and not held)
            busy.look(beats, judged=beats > 0)
            if idle.looks >= self._idle_looks or busy.looks >= self._busy_looks:
                self._end(slot)

    def _end(self, slot: int) -> None:
        crew = self._crew
        pid, busy = crew.child(slot), crew.holder(slot) != 0
        crew.forget_beats(slot)
        # A child that is not yet waited for keeps its id; another process may have that of others.
        try:
            ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if ended is None:
            log.error("a child stands still; it is ended", slot=slot, busy=busy)
            os.kill(pid, signal.SIGKILL)


class Watch:
    """A child's eye on its parent, on its own idleness, and the beat that tells that it moves."""

    def __init__(
        self, crew: Crew, slot: int, permits_ready: Callable[[], int], stall_seconds: float
    ) -> None:
        """Prepare the thread; in the child.

        Args:
            crew: To which this process belongs.
            slot: Its place there.
            permits_ready: Counts the permits that wait in the broker.
            stall_seconds: How long anything may stand still.
        """
        self._crew, self._slot, self._ready = crew, slot, permits_ready
        self._every = look_seconds(stall_seconds)
        self._most = round(stall_seconds / self._every)
        self._parent, self._own, self._all = Stillness(), Stillness(), Stillness()

    def start(self) -> None:
        """Watch until the process ends."""
        run = partial(copy_context().run, self._run)  # its lines name the part, too
        threading.Thread(target=run, name="watch", daemon=True).start()

    def _run(self) -> None:
        while True:
            time.sleep(self._every)
            self.look()

    def look(self) -> None:
        """Beat; end this process, or the whole worker, when it is of no use any more."""
        crew = self._crew
        if os.getppid() != crew.parent:
            os._exit(ORPHANED)
        crew.beat(self._slot)
        if crew.stopping:
            return
        permits = self._permits()
        answers, beats = permits is not None, crew.beats()
        # Who waits for a broker that does not answer is not helped by a restart.
        if self._parent.look(beats, judged=beats > 0 and answers) >= self._most:
            self._end_worker("its parent process stands still")
        waiting = bool(permits) and not crew.holder(self._slot)
        own = self._own.look(crew.taken(self._slot), judged=waiting)
        taken = [crew.taken(slot) for slot in range(crew.slots)]
        if self._all.look(taken, judged=waiting) >= self._most:
            self._end_worker("it takes nothing although permits wait")
        if own >= self._most:
            # The others get permits, so only the way to this process is broken.
            log.error("no permit reaches this process although permits wait; it ends")
            os._exit(STALLED)

    def _permits(self) -> int | None:
        try:
            return self._ready()
        except BrokerUnavailable:
            return None

    def _end_worker(self, reason: str) -> None:
        """End the parent, which cannot end itself, and with it all children (see `look`)."""
        crew = self._crew
        log.error("this worker is ended, to be started again", reason=reason)
        crew.stop()
        end = time.monotonic() + LAST_BATCH_SECONDS
        while crew.busy() and time.monotonic() < end:
            time.sleep(0.1)
        try:
            os.kill(crew.parent, signal.SIGKILL)
        except ProcessLookupError:
            log.warning("the parent has ended by itself")
        os._exit(STALLED)
