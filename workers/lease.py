"""The thread that keeps a lease while its holder works."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from lungline.errors import PartUnavailable
from lungline.telemetry import get_logger

log = get_logger(__name__)

ORPHANED = 75
"""Exit status of a child whose parent is gone (EX_TEMPFAIL of sysexits.h)."""


class LeaseKeeper:
    """Renews a lease every few seconds, from `start` to `stop` or while the `with` block runs.

    A renewal that fails because the database does not answer is tried again at the next tick; the
    lease holds for at least three of them. A lease that is lost is not renewed again: what its
    holder writes afterwards is dropped by the compare-and-set on the lease id.

    A child whose parent is gone exits at once, so that nobody works whom nobody can stop.
    """

    def __init__(
        self, renew: Callable[[], bool], every_seconds: float, parent: int | None = None
    ) -> None:
        """Prepare the thread.

        Args:
            renew: Renews once; False when the lease is lost.
            every_seconds: Time between renewals.
            parent: Process id that must stay the parent's, if any must.
        """
        self._renew, self._every, self._parent = renew, every_seconds, parent
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)
        self.lost = False

    def start(self) -> None:
        """Start renewing."""
        self._thread.start()

    def stop(self) -> None:
        """Stop renewing; for any thread, once."""
        self._done.set()
        self._thread.join()

    def __enter__(self) -> Self:
        """Start renewing."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop renewing."""
        self.stop()

    def _run(self) -> None:
        while not self._done.wait(self._every):
            if self._parent is not None and os.getppid() != self._parent:
                os._exit(ORPHANED)
            try:
                self.lost = not self._renew()
            except PartUnavailable as error:
                log.warning("lease renewal failed", code=error.code)
            if self.lost:
                log.warning("lease lost")
                return
