"""Celery's consumer with a reconnect that never waits long, and a beat that tells that it moves."""

from __future__ import annotations

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
        ensure = conn.ensure_connection

        def ensure_beating(errback: Any, *tries: Any, callback: Any) -> Any:
            def beat() -> None:
                self._beat()
                callback()

            return ensure(
                errback,
                *tries,
                callback=beat,
                interval_start=RECONNECT_START,
                interval_step=RECONNECT_STEP,
                interval_max=RECONNECT_MOST,
            )

        conn.ensure_connection = ensure_beating
        return super().ensure_connected(conn)

    def register_with_event_loop(self, hub: Any) -> None:
        """Beat for as long as the loop runs on this connection."""
        super().register_with_event_loop(hub)
        if every := self.controller.overseer.every:
            hub.timer.call_repeatedly(every, self._beat)

    def _beat(self) -> None:
        self.controller.overseer.look()
