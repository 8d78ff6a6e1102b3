"""Tells workers that a job was committed. It may fail: the sweep finds what was not rung."""

from __future__ import annotations

import time
from collections.abc import Callable

from lungline.errors import BrokerUnavailable
from lungline.queueing import Permits, Queue, batches
from lungline.telemetry import get_logger

QUIET_SECONDS = 5.0
"""After a failure nobody waits for the broker again this long; the sweep runs every 2 s."""

log = get_logger(__name__)


class Doorbell:
    """Sends permits after a commit, without ever failing a request or delaying many."""

    def __init__(
        self, permits: Permits, batch_size: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Ring through `permits`."""
        self._permits = permits
        self._batch_size = batch_size
        self._clock = clock
        self._quiet_until = 0.0

    def films_wait(self, films: int) -> None:
        """Say that so many films were queued."""
        self._ring(Queue.ANALYZE, batches(films, self._batch_size))

    def archive_waits(self) -> None:
        """Say that an archive waits to be expanded."""
        self._ring(Queue.EXPAND, 1)

    def export_waits(self) -> None:
        """Say that an export waits to be made."""
        self._ring(Queue.EXPAND, 1)

    def _ring(self, queue: Queue, wanted: int) -> None:
        if wanted <= 0 or self._clock() < self._quiet_until:
            return
        try:
            self._permits.top_up(queue, wanted)
        except BrokerUnavailable:
            self._quiet_until = self._clock() + QUIET_SECONDS
            log.debug("permit_not_sent", queue=str(queue))
