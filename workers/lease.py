"""The thread that keeps a process's leases while it works under them.

It also gives back what could not be given back when the work ended, for the database was away.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from lungline.errors import PartUnavailable
from lungline.telemetry import get_logger

log = get_logger(__name__)

ORPHANED = 75
"""Exit status of a child whose parent is gone (EX_TEMPFAIL of sysexits.h)."""


class LeaseLost(Exception):
    """What was held is somebody else's now, or was cancelled: what was done of it is dropped."""


class Lease:
    """A lease that is kept until `stop`, or to the end of the `with` block.

    Attributes:
        began: When, by the monotonic clock.
        lost: Whether somebody else holds it by now; it is not renewed again, and what its holder
            writes afterwards is dropped by the compare-and-set on the lease id.
    """

    def __init__(self, renew: Callable[[], bool], forget: Callable[[Lease], None]) -> None:
        """Prepare; see `LeaseKeeper.keep`."""
        self._renew, self._forget = renew, forget
        self._renewing = threading.Lock()
        self._kept = True
        self.began = time.monotonic()
        self.lost = False

    def renew(self) -> None:
        """Renew once, unless it is lost or no longer kept.

        A renewal that fails, for whatever reason, is tried again at the next tick; a lease holds
        for three of them.
        """
        with self._renewing:
            if self.lost or not self._kept:
                return
            try:
                self.lost = not self._renew()
            except PartUnavailable as error:
                log.warning("lease renewal failed", code=error.code)
            except Exception:
                log.exception("lease renewal failed")
            if self.lost:
                log.warning("lease lost")

    def stop(self) -> None:
        """Keep it no longer, once a renewal that goes on has ended; for any thread."""
        with self._renewing:
            self._kept = False
        self._forget(self)

    def __enter__(self) -> Self:
        """Nothing: it is kept from the beginning."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Keep it no longer."""
        self.stop()


class LeaseKeeper:
    """Renews all leases of a process every few seconds.

    One thread for all of them: to start one for each batch costs as much as to claim the batch.

    A child whose parent is gone exits at once, so that nobody works whom nobody can stop.
    """

    def __init__(self, every_seconds: float, parent: int | None = None) -> None:
        """Prepare; the thread starts with the first lease.

        Args:
            every_seconds: Time between renewals.
            parent: Process id that must stay the parent's, if any must.
        """
        self._every, self._parent = every_seconds, parent
        self._lock = threading.Lock()
        self._leases: set[Lease] = set()
        self._owed: deque[Callable[[], object]] = deque()
        self._settling = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()

    def keep(self, renew: Callable[[], bool]) -> Lease:
        """Keep a lease from now on.

        Args:
            renew: Renews once; False when the lease is lost.
        """
        lease = Lease(renew, self._forget)
        with self._lock:
            self._begin()
            self._leases.add(lease)
        return lease

    def owe(self, give_back: Callable[[], object]) -> None:
        """Give something back as soon as the database takes it, for its lease would expire.

        That would count as a death, and films that are innocent would be given up after a few.

        Args:
            give_back: Does it, or raises `PartUnavailable`; harmless once the lease is lost.
        """
        with self._lock:
            self._begin()
            self._owed.append(give_back)

    def settle(self) -> None:
        """Give back what is owed; for any thread.

        Raises:
            PartUnavailable: It still cannot be.
        """
        with self._settling:
            while self._owed:
                try:
                    self._owed[0]()
                except PartUnavailable:
                    raise
                except Exception:
                    log.exception("not given back; the lease will expire")
                self._owed.popleft()

    def close(self) -> None:
        """End the thread."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()

    def _begin(self) -> None:
        if self._thread is None:
            thread = threading.Thread(target=self._run, name="leases", daemon=True)
            thread.start()
            self._thread = thread

    def _forget(self, lease: Lease) -> None:
        with self._lock:
            self._leases.discard(lease)

    def _run(self) -> None:
        while not self._closed.wait(self._every):
            with suppress(Exception):  # where there is no memory; there may be some at the next
                self._tick()

    def _tick(self) -> None:
        with self._lock:
            leases = list(self._leases)
        # What was taken a moment ago is mostly given back before it needs to be renewed.
        begun_by = time.monotonic() - self._every / 2
        held = leases or self._owed
        if held and self._parent is not None and os.getppid() != self._parent:
            os._exit(ORPHANED)
        for lease in leases:
            if lease.began < begun_by:
                with suppress(Exception):  # it has told of it, unless that is what fails
                    lease.renew()
        with suppress(PartUnavailable):  # until the next tick
            self.settle()
