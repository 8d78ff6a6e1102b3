"""How long a worker waits after a part of the service failed."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from lungline.errors import PartUnavailable
from lungline.telemetry import get_logger

log = get_logger(__name__)

LEAST_SECONDS, MOST_SECONDS = 1.0, 30.0
_STEP_SECONDS = 0.1


class Backoff:
    """Waits 1 to 30 s, twice as long each time, with jitter so that workers do not march in step.

    The wait ends early when the worker is told to stop.
    """

    def __init__(
        self,
        stopping: Callable[[], bool],
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        *,
        count: Callable[[PartUnavailable], object] = lambda error: None,
    ) -> None:
        """Start without a failure.

        Args:
            stopping: Asked during the wait.
            sleep: Waits that many seconds.
            clock: Seconds that never go back.
            count: Told of each part that did not answer.
        """
        self._stopping, self._sleep, self._clock = stopping, sleep, clock
        self._count = count
        self._failures = 0

    def reset(self) -> None:
        """Forget earlier failures: everything works."""
        self._failures = 0

    def after(self, error: PartUnavailable) -> None:
        """Say which part does not answer, and wait."""
        log.warning("a part does not answer; waiting", code=error.code)
        self._count(error)
        self.wait()

    def without(self, error: PartUnavailable) -> None:
        """Say that something in a part cannot be had, and go on with what else there is."""
        log.warning("something cannot be read now; others go before it", code=error.code)
        self._count(error)

    def wait(self) -> float:
        """Wait after one more failure; return the planned seconds."""
        ceiling = min(MOST_SECONDS, LEAST_SECONDS * 2.0 ** min(self._failures + 1, 10))
        seconds = random.uniform(LEAST_SECONDS, ceiling)  # noqa: S311  # jitter, not a secret
        self._failures += 1
        end = self._clock() + seconds
        while self._clock() < end and not self._stopping():
            self._sleep(_STEP_SECONDS)
        return seconds
