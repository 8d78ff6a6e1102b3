"""The moment after the database was away: nobody who lives could renew his lease meanwhile."""

from __future__ import annotations

import math
import time
from collections.abc import Callable


class Outage:
    """Remembers when the database was found away."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start with none known.

        Args:
            clock: Seconds that never go back.
        """
        self._clock = clock
        self._seen_at = -math.inf

    def note(self) -> None:
        """Say that the database is away."""
        self._seen_at = self._clock()

    def within(self, seconds: float) -> bool:
        """Whether it was away in the last so many seconds."""
        return self._clock() - self._seen_at < seconds
