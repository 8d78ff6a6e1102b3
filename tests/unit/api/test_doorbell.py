"""Ringing never fails, and is not tried again and again."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from api.doorbell import QUIET_SECONDS, Doorbell
from lungline.queueing import Permits, make_celery
from lungline.settings import Settings
from tests.fixtures.ports import reserve_port


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class SilentBroker:
    """Takes connections and never answers; counts who came."""

    def __init__(self, port: int = 0) -> None:
        self.listener = socket.create_server(("127.0.0.1", port))
        self.listener.setblocking(False)

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    def callers(self) -> int:
        """Number of connections since the last call."""
        count = 0
        while True:
            try:
                self.listener.accept()[0].close()
            except BlockingIOError:
                return count
            count += 1


@pytest.fixture
def silent() -> Iterator[SilentBroker]:
    broker = SilentBroker()
    yield broker
    broker.listener.close()


@contextmanager
def doorbell(port: int, clock: Clock) -> Iterator[Doorbell]:
    made = Settings(broker_url=f"redis://127.0.0.1:{port}/0", publish_timeout_seconds=0.1)
    with closing(Permits(make_celery(made), made)) as permits:
        yield Doorbell(permits, 8, clock)


def test_a_broker_that_is_down_is_left_alone_for_a_while() -> None:
    # Given a bell that was rung while nobody listened
    port, clock = reserve_port(), Clock()
    with doorbell(port, clock) as bell:
        bell.films_wait(3)
        # If the broker is there again
        broker = SilentBroker(port)
        # Then nobody asks it before the quiet time is over
        bell.films_wait(3)
        bell.archive_waits()
        assert broker.callers() == 0
        clock.now += QUIET_SECONDS
        bell.films_wait(3)
        assert broker.callers() > 0
    broker.listener.close()


def test_a_broker_that_hangs_is_waited_for_once_in_a_while(silent: SilentBroker) -> None:
    clock = Clock()
    with doorbell(silent.port, clock) as bell:
        # Given one ring that waits in vain
        bell.films_wait(3)
        assert silent.callers() > 0
        # Then later ones do not wait
        bell.films_wait(3)
        bell.archive_waits()
        assert silent.callers() == 0
        # And it is tried again in time
        clock.now += QUIET_SECONDS
        bell.archive_waits()
        assert silent.callers() > 0


def test_nothing_to_read_rings_nothing(silent: SilentBroker) -> None:
    with doorbell(silent.port, Clock()) as bell:
        bell.films_wait(0)
    assert silent.callers() == 0
