from __future__ import annotations

import os
import threading
from contextlib import nullcontext

import pytest

from lungline.errors import StoreUnavailable
from workers.crew import Crew, Hold
from workers.hopeless import HOPELESS
from workers.writer import Writer


def test_a_write_happens_while_the_caller_goes_on():
    writer, may_end, ended = Writer(nullcontext()), threading.Event(), threading.Event()

    def write() -> None:
        may_end.wait(60)
        ended.set()

    writer.submit(write)
    assert not ended.is_set()
    may_end.set()
    writer.wait()

    assert ended.is_set()
    writer.close()


def test_one_batch_behind_at_most():
    writer, order = Writer(nullcontext()), []

    for number in range(3):
        writer.submit(lambda number=number: order.append(number))
        assert order[: number - 1] == list(range(number))[: number - 1]
    writer.wait()

    assert order == [0, 1, 2]
    writer.close()


def test_the_process_counts_as_busy_until_it_is_written():
    crew = Crew(1)
    may_end = threading.Event()
    writer = Writer(Hold(crew, 0))

    writer.submit(lambda: may_end.wait(60) and None)
    assert crew.busy() == [0]
    may_end.set()
    writer.wait()

    assert crew.busy() == []
    writer.close()


def test_a_part_that_failed_is_told_once():
    writer, failure = Writer(nullcontext()), StoreUnavailable("away")

    writer.submit(lambda: failure)
    writer.wait()

    assert writer.take_failure() is failure
    assert writer.take_failure() is None
    writer.close()


def test_waiting_can_be_limited():
    writer, may_end = Writer(nullcontext()), threading.Event()
    writer.submit(lambda: may_end.wait(60) and None)

    with pytest.raises(TimeoutError):
        writer.wait(0.01)

    may_end.set()
    writer.close()


def test_a_write_that_raises_ends_the_process_and_is_not_told_again(monkeypatch):
    ended: list[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)
    writer, written = Writer(nullcontext()), []

    def fail() -> None:
        raise MemoryError("on purpose")

    writer.submit(fail)
    writer.wait()
    assert ended == [HOPELESS]

    writer.submit(lambda: written.append(1))
    writer.wait()
    assert written == [1]
    assert ended == [HOPELESS]
    writer.close()


def test_an_error_of_the_thread_is_raised_once():
    writer, written = Writer(_RaisesAtTheEnd()), []

    writer.submit(lambda: None)
    with pytest.raises(RuntimeError):
        writer.wait()

    writer.wait()
    writer.submit(lambda: written.append(1))
    with pytest.raises(RuntimeError):
        writer.wait()
    assert written == [1]
    writer.close()


class _RaisesAtTheEnd(nullcontext[None]):
    def __exit__(self, *error: object) -> None:
        raise RuntimeError("on purpose")
