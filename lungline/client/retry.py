"""When to try a request again, and after how long."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Retry:
    """Waits that double, with full jitter, so that many clients do not come back in step.

    Only requests that may be repeated are: those that change nothing, and submissions that carry
    an idempotency key.

    Attributes:
        tries: Most requests in all.
        first_seconds: Longest first wait.
        most_seconds: Longest wait of all, also when the service asks for a longer one.
    """

    tries: int = 4
    first_seconds: float = 0.5
    most_seconds: float = 15.0

    def wait(self, failures: int, retry_after: float | None = None) -> float:
        """Seconds to wait after the `failures`th failure in a row, counted from 1.

        Args:
            failures: How often it has failed.
            retry_after: What the service asked for.
        """
        ceiling = min(self.first_seconds * 2.0 ** (failures - 1), self.most_seconds)
        jittered = random.uniform(0, ceiling)  # noqa: S311  # jitter, not a secret
        return min(max(jittered, retry_after or 0.0), self.most_seconds)
