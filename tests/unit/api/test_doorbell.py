"""Ringing never fails, and is not tried again and again."""

from __future__ import annotations

import socket
import time

from api.doorbell import QUIET_SECONDS, Doorbell
from lungline.queueing import Permits, make_celery
from lungline.settings import Settings


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def doorbell(port: int, clock: Clock) -> Doorbell:
    made = Settings(broker_url=f"redis://127.0.0.1:{port}/0", publish_timeout_seconds=0.3)
    return Doorbell(Permits(make_celery(made), made), 8, clock)


def seconds_to_ring(bell: Doorbell) -> float:
    began = time.monotonic()
    bell.films_wait(3)
    bell.archive_waits()
    return time.monotonic() - began


def test_a_broker_that_is_down_costs_no_time() -> None:
    assert seconds_to_ring(doorbell(1, Clock())) < 0.5


def test_a_broker_that_hangs_costs_one_timeout_then_nothing_for_a_while() -> None:
    # Given a broker that takes connections and never answers
    clock = Clock()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        bell = doorbell(silent.getsockname()[1], clock)
        first = seconds_to_ring(bell)
        # Then one ring waits for the timeout, and later ones do not
        assert 0.2 < first < 1.2
        assert seconds_to_ring(bell) < 0.05
        # And it is tried again in time
        clock.now += QUIET_SECONDS
        assert seconds_to_ring(bell) > 0.2


def test_nothing_to_read_rings_nothing() -> None:
    began = time.monotonic()
    doorbell(1, Clock()).films_wait(0)
    assert time.monotonic() - began < 0.05
