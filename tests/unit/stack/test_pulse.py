"""Who says nothing any more is noticed, and nobody is blamed for a time in which nobody looked."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lungline.heartbeat import PATIENCE, Heartbeat
from lungline.stack import pulse
from lungline.stack.pulse import LOOK_SECONDS, Pulse

STALL = 8.0
MOST_LOOKS = round(PATIENCE * STALL / LOOK_SECONDS)


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(pulse, "time", made)
    return made


def looks(watch: Pulse, clock: Clock, count: int, pid: int) -> list[bool]:
    seen = []
    for _ in range(count):
        clock.now += LOOK_SECONDS
        seen.append(watch.lost(pid))
    return seen


def test_a_part_that_says_nothing_is_lost_after_its_time(tmp_path: Path, clock: Clock) -> None:
    heartbeat, watch = Heartbeat(tmp_path, "analyze", STALL), Pulse(tmp_path)

    seen = looks(watch, clock, MOST_LOOKS + 1, os.getpid())

    assert seen == [False] * MOST_LOOKS + [True]
    heartbeat.close()


def test_a_part_that_beats_is_not_lost(tmp_path: Path, clock: Clock) -> None:
    heartbeat, watch = Heartbeat(tmp_path, "analyze", STALL), Pulse(tmp_path)
    for _ in range(5):
        assert not any(looks(watch, clock, MOST_LOOKS, os.getpid()))
        heartbeat.beat()
    heartbeat.close()


def test_a_machine_that_slept_blames_nobody(tmp_path: Path, clock: Clock) -> None:
    heartbeat, watch = Heartbeat(tmp_path, "analyze", STALL), Pulse(tmp_path)
    assert not watch.lost(os.getpid())
    for _ in range(5):
        clock.now += 1000 * STALL
        assert not watch.lost(os.getpid())
        heartbeat.beat()
    heartbeat.close()


def test_a_part_that_never_beat_and_the_file_of_another_are_not_judged(
    tmp_path: Path, clock: Clock
) -> None:
    heartbeat, watch = Heartbeat(tmp_path, "analyze", STALL), Pulse(tmp_path)

    assert not any(looks(watch, clock, 2 * MOST_LOOKS, os.getppid()))

    heartbeat.close()
