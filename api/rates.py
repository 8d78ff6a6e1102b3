"""How often one caller may ask: a bucket of requests that fills up again all the time.

Buckets are kept in memory, in each process for itself: with several processes a caller gets as many
times as much. They protect the service from one client gone wild, and keys from being tried out.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

MOST_CALLERS = 10_000
"""Of more than these the one that was silent longest is forgotten, and so begins anew."""


class Rates:
    """Counts the requests of many callers."""

    def __init__(
        self,
        per_minute: float,
        *,
        most_callers: int = MOST_CALLERS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Let each caller ask.

        Args:
            per_minute: Requests in a minute, all of them at once if it likes.
            most_callers: Whose requests are counted.
            clock: Seconds.
        """
        self._most = per_minute
        self._most_callers = most_callers
        self._clock = clock
        self._lock = Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str) -> int:
        """Count a request.

        Returns:
            0 where it is within the rate; else seconds after which the next one is.
        """
        return self._ask(caller, 1.0)

    def look(self, caller: str) -> int:
        """Like `take`, without counting."""
        return self._ask(caller, 0.0)

    def _ask(self, caller: str, taken: float) -> int:
        now = self._clock()
        with self._lock:
            left, at = self._buckets.pop(caller, (self._most, now))
            left = min(self._most, left + (now - at) * self._most / 60)
            allowed = left >= 1
            self._buckets[caller] = (left - taken if allowed else left, now)
            if len(self._buckets) > self._most_callers:
                self._buckets.popitem(last=False)
        return 0 if allowed else max(1, math.ceil((1 - left) * 60 / self._most))
