"""Who counts as standing still, and who does not."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator

import pytest

from lungline.errors import BrokerUnavailable
from lungline.settings import Settings
from workers import watch
from workers.crew import Crew
from workers.watch import LOOKS, Overseer, Stillness, Watch

STALL = 1.0


class Ended(BaseException):
    """What ends a process here ends the test's look."""


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The processes that were killed, none of them in truth."""
    pids: list[int] = []

    def leave(status: int) -> None:
        raise Ended(status)

    monkeypatch.setattr(watch.os, "kill", lambda pid, number: pids.append(pid))
    monkeypatch.setattr(watch.os, "_exit", leave)
    return pids


@pytest.fixture
def stopped() -> Iterator[Crew]:
    """A crew with one child, which does nothing."""
    crew = Crew(1)
    pid = os.fork()
    if not pid:
        crew.arrive(0)
        time.sleep(600)
        os._exit(0)
    while not crew.child(0):
        time.sleep(0.01)
    yield crew
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def made(crew: Crew, ready: Callable[[], int] = lambda: 1) -> Watch:
    crew.parent = os.getppid()
    return Watch(crew, 0, ready, STALL)


def look_often(own: Watch, others: Callable[[], None] = lambda: None) -> None:
    for _ in range(LOOKS + 2):
        others()
        own.look()


def no_broker() -> int:
    raise BrokerUnavailable("down")


def test_stillness_counts_looks_without_a_change_while_it_is_judged():
    still = Stillness()
    assert [still.look(seen) for seen in (1, 1, 1, 2, 2)] == [0, 1, 2, 0, 1]
    assert still.look(2, judged=False) == 0


def test_a_worker_that_takes_nothing_while_permits_wait_ends(killed: list[int]):
    crew = Crew(2)
    own = made(crew)
    with pytest.raises(Ended):
        look_often(own)
    assert killed == [os.getppid()]
    assert crew.stopping


def test_a_process_that_alone_gets_nothing_ends_alone(killed: list[int]):
    crew = Crew(2)
    own = made(crew)
    with pytest.raises(Ended):
        look_often(own, lambda: crew.take(1))
    assert killed == []
    assert not crew.stopping


def test_a_parent_that_stands_still_is_ended(killed: list[int]):
    crew = Crew(1)
    crew.beat()
    own = made(crew, lambda: 0)
    with pytest.raises(Ended):
        look_often(own)
    assert killed == [os.getppid()]


@pytest.mark.parametrize("why", ["no permit", "no broker", "takes", "holds", "stopping"])
def test_who_rightly_waits_is_left_alone(killed: list[int], why: str):
    crew = Crew(1)
    own = made(crew, {"no permit": lambda: 0, "no broker": no_broker}.get(why, lambda: 1))
    if why == "holds":
        crew.mark(0)
    if why == "stopping":
        crew.stop()
    crew.beat()
    for _ in range(5 * LOOKS):
        if why != "no broker":
            crew.beat()
        if why == "takes":
            crew.take(0)
        own.look()
    assert killed == []


def test_an_orphan_ends(killed: list[int]):
    crew = Crew(1)
    own = made(crew)
    crew.parent = 1 if os.getppid() != 1 else 2
    with pytest.raises(Ended):
        own.look()


@pytest.mark.parametrize(
    ("beating", "held", "looks", "ended"),
    [
        (False, False, 5 * LOOKS, False),  # it is still loading
        (True, False, LOOKS + 2, True),
        (True, True, LOOKS + 2, False),  # it may hold the interpreter's lock
        (True, True, 125 * LOOKS, True),
    ],
)
def test_the_parent_ends_a_child_that_has_begun_to_beat_and_does_no_more(
    stopped: Crew, killed: list[int], beating: bool, held: bool, looks: int, ended: bool
):
    if beating:
        stopped.beat(0)
    if held:
        stopped.mark(0)
    overseer = Overseer(stopped, Settings(stall_seconds=STALL))
    for _ in range(looks):
        overseer.look()
    assert killed == ([stopped.child(0)] if ended else [])
