from __future__ import annotations

from workers.backoff import LEAST_SECONDS, MOST_SECONDS, Backoff


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_waits_stay_within_one_and_thirty_seconds_and_grow():
    clock = Clock()
    backoff = Backoff(lambda: False, clock.sleep, clock)

    waits = [backoff.wait() for _ in range(200)]

    assert all(LEAST_SECONDS <= wait <= MOST_SECONDS for wait in waits)
    assert waits[0] <= 2 * LEAST_SECONDS
    assert max(waits[10:]) > 20
    assert clock.now >= sum(waits)


def test_a_success_makes_the_next_wait_short_again():
    clock = Clock()
    backoff = Backoff(lambda: False, clock.sleep, clock)
    for _ in range(10):
        backoff.wait()

    backoff.reset()

    assert backoff.wait() <= 2 * LEAST_SECONDS


def test_a_wait_ends_when_the_worker_is_told_to_stop():
    clock = Clock()
    backoff = Backoff(lambda: clock.now >= 0.5, clock.sleep, clock)

    assert backoff.wait() >= LEAST_SECONDS

    assert clock.now < LEAST_SECONDS
