"""Celery's consumer with a reconnect that never waits long."""

from __future__ import annotations

from functools import partial
from typing import Any

from celery.worker.consumer import Consumer as CeleryConsumer

RECONNECT_START, RECONNECT_STEP, RECONNECT_MOST = 0.5, 0.5, 2.0
"""Seconds before the second try, added with each further try, and at most."""


class Consumer(CeleryConsumer):
    """Tries the broker again every 2 s at most.

    Celery has no setting for this: `Consumer.ensure_connected` calls kombu's `ensure_connection`
    with its defaults, which wait 2, 4, 6 ... 30 s, so that a worker could sleep for half a minute
    after the broker is back.
    """

    def ensure_connected(self, conn: Any) -> Any:
        """Connect, trying again until it works or the worker is told to stop."""
        conn.ensure_connection = partial(
            conn.ensure_connection,
            interval_start=RECONNECT_START,
            interval_step=RECONNECT_STEP,
            interval_max=RECONNECT_MOST,
        )
        return super().ensure_connected(conn)
