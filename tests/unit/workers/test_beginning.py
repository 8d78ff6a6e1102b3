"""A child that cannot start ends, and its successors take their time."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from lungline.errors import ConfigurationError
from lungline.settings import Settings
from workers import beginning
from workers.beginning import FAILED, MOST_FAILURES, begin, useless
from workers.crew import Crew
from workers.ready import ReadyFile


@pytest.fixture
def ready(tmp_path: Path) -> ReadyFile:
    return ReadyFile(Settings(data_dir=tmp_path), "host-1-0")


def child_of(crew: Crew, start: Callable[[], None], ready: ReadyFile) -> int:
    """The exit status of a child that starts so; 0 if it has started."""
    pid = os.fork()
    if not pid:
        begin(crew, 0, ready, start)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def fail() -> None:
    raise ConfigurationError("no such bucket")


def crash() -> None:
    os._exit(9)


def surprise() -> None:
    raise ZeroDivisionError("name of a patient")


def test_a_child_that_fails_ends_with_its_reason_and_the_next_takes_it_back(
    tmp_path: Path, ready: ReadyFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beginning, "FIRST_PAUSE_SECONDS", 0.0)
    crew = Crew(1)
    assert child_of(crew, fail, ready) == FAILED
    assert (tmp_path / "run" / "host-1-0.unusable").read_text() == "no such bucket\n"
    assert crew.failures(0) == 1

    assert child_of(crew, lambda: None, ready) == 0

    assert list((tmp_path / "run").iterdir()) == []
    assert crew.failures(0) == 0


@pytest.mark.parametrize(("start", "status"), [(crash, 9), (surprise, FAILED)])
def test_whatever_ends_a_child_before_it_has_started_counts(
    tmp_path: Path, ready: ReadyFile, start: Callable[[], None], status: int
) -> None:
    crew = Crew(1)

    assert child_of(crew, start, ready) == status

    assert crew.failures(0) == 1
    told = [path.read_text() for path in (tmp_path / "run").glob("*")]
    assert "patient" not in "".join(told)


def test_successors_wait_twice_as_long_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    crew, now, slept = Crew(1), [0.0], []
    crew.parent = os.getppid()
    monkeypatch.setattr(beginning.time, "monotonic", lambda: now[0])

    def sleep(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr(beginning.time, "sleep", sleep)
    for failures in range(8):
        before = now[0]
        beginning._pause(crew, 0)
        slept.append(round(now[0] - before))
        assert crew.fail(0) == failures + 1
    assert slept == [0, 1, 2, 4, 8, 16, 30, 30]


def test_a_worker_none_of_whose_children_can_start_is_told_to_stop(
    ready: ReadyFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew = Crew(2)
    for slot in range(2):
        assert not useless(crew)
        for _ in range(MOST_FAILURES):
            crew.fail(slot)
    assert useless(crew)
    told: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: told.append(number))
    try:
        assert child_of(crew, fail, ready) == FAILED
        assert child_of(crew, fail, ready) == FAILED
    finally:
        signal.signal(signal.SIGTERM, before)
    assert told == [signal.SIGTERM], "once: a second signal would drop what others hold"
    assert crew.stopping
