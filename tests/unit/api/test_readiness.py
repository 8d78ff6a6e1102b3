"""However many ask, each part is looked at once; one that hangs delays nobody for long."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest

from api import readiness
from api.readiness import Readiness
from lungline.errors import StoreUnavailable
from tests.factories.worker_processes import wait_for


class Part:
    """A part that answers once it is let, and counts who asks."""

    def __init__(self) -> None:
        self.asked = 0
        self.answers = Event()

    def check(self) -> None:
        self.asked += 1
        self.answers.wait()


@pytest.fixture
def slow() -> Iterator[Part]:
    part = Part()
    yield part
    part.answers.set()


def test_who_comes_meanwhile_waits_for_the_same_look(slow: Part) -> None:
    ready, crowd = Readiness({"store": slow.check}), Barrier(21)

    def ask() -> dict[str, str]:
        crowd.wait()
        return ready.states()

    with ThreadPoolExecutor(20) as pool:
        asked = [pool.submit(ask) for _ in range(20)]
        crowd.wait()
        wait_for(lambda: slow.asked == 1)
        slow.answers.set()
        assert [one.result() for one in asked] == [{"store": "ok"}] * 20
    assert slow.asked == 1


def test_what_was_found_is_kept_for_a_while_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[str] = []

    def check() -> None:
        found.append("asked")
        if len(found) > 1:
            raise StoreUnavailable("The disk is gone.")

    ready = Readiness({"store": check})
    monkeypatch.setattr(readiness, "KEPT_SECONDS", 60.0)
    assert [ready.states()["store"] for _ in range(3)] == ["ok"] * 3
    monkeypatch.setattr(readiness, "KEPT_SECONDS", 0.0)
    assert [ready.states()["store"] for _ in range(3)] == ["down"] * 3
    assert len(found) == 4


def test_a_part_that_hangs_is_down_and_the_others_are_told(
    slow: Part, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(readiness, "KEPT_SECONDS", 0.0)
    other = Part()
    other.answers.set()
    ready = Readiness({"store": slow.check, "database": other.check})
    for _ in range(3):
        assert ready.states() == {"store": "down", "database": "ok"}
    # No second thread hangs at it, while the others are asked again.
    assert (slow.asked, other.asked) == (1, 3)
    slow.answers.set()
    monkeypatch.setattr(readiness, "PATIENCE_SECONDS", 60.0)
    wait_for(lambda: ready.states()["store"] == "ok")


def test_a_check_with_a_mistake_in_it_is_down_and_logged(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert Readiness({"store": lambda: 1 / 0}).states() == {"store": "down"}
    assert "check_crashed" in capsys.readouterr().out
