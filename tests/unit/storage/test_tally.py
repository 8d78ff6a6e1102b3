"""Adding up what happens to counters."""

from __future__ import annotations

from lungline.domain import ItemStatus
from storage.tally import Tally


def test_moves_of_items_change_two_counters() -> None:
    tally = Tally()

    assert tally.moved(["a", "b", "a"], ItemStatus.QUEUED, ItemStatus.RUNNING) == 3

    assert tally.deltas == {"a": {"queued": -2, "running": 2}, "b": {"queued": -1, "running": 1}}


def test_births_raise_the_total() -> None:
    tally = Tally()

    tally.moved(["a", "a"], None, ItemStatus.FAILED)
    tally.moved(["a"], None, ItemStatus.QUEUED)

    assert tally.deltas == {"a": {"total": 3, "failed": 2, "queued": 1}}


def test_back_and_forth_is_nothing() -> None:
    tally = Tally()

    tally.moved(["a"], ItemStatus.QUEUED, ItemStatus.RUNNING)
    tally.moved(["a"], ItemStatus.RUNNING, ItemStatus.QUEUED)

    assert not any(tally.deltas["a"].values())
