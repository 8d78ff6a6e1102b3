"""An expansion has no time limit; one that stands still is ended."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from lungline.telemetry import get_logger

log = get_logger(__name__)

STALLED = 75
"""Exit status of a child that stands still (EX_TEMPFAIL of sysexits.h)."""


class Progress:
    """Renews a lease as long as something is done under it.

    Work that stands still ends its process: the parent starts another, and the lease expires, which
    counts an attempt.
    """

    def __init__(
        self,
        renew: Callable[[], bool],
        most_seconds: float,
        leave: Callable[[int], object] = os._exit,
    ) -> None:
        """Begin now.

        Args:
            renew: Renews the lease once; False when it is lost.
            most_seconds: Longest time between two calls of `made`.
            leave: Ends the process.
        """
        self._renew, self._most, self._leave = renew, most_seconds, leave
        self._latest = time.monotonic()

    def made(self) -> None:
        """Say that something was done."""
        self._latest = time.monotonic()

    def renew(self) -> bool:
        """Renew the lease, or end the process; called by another thread."""
        if time.monotonic() - self._latest > self._most:
            log.error("expansion stands still; this process ends")
            self._leave(STALLED)
        return self._renew()
