from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from functools import partial
from types import SimpleNamespace

import pytest

from lungline.errors import DatabaseUnavailable
from workers import lease as lease_module
from workers.lease import ORPHANED, LeaseKeeper


@pytest.fixture
def keeper() -> Iterator[LeaseKeeper]:
    keeper = LeaseKeeper(0.01)
    yield keeper
    keeper.close()


def test_a_lease_is_renewed_while_the_block_runs_and_not_after(keeper: LeaseKeeper):
    calls: list[int] = []
    thrice, other = threading.Event(), threading.Event()

    def renew() -> bool:
        calls.append(1)
        if len(calls) >= 3:
            thrice.set()
        return True

    with keeper.keep(renew) as lease:
        assert thrice.wait(60)

    count = len(calls)
    with keeper.keep(lambda: other.set() or True):
        assert other.wait(60)
    assert not lease.lost
    assert len(calls) == count


def test_leases_are_kept_beside_each_other(keeper: LeaseKeeper):
    renewed = [threading.Event(), threading.Event()]

    with keeper.keep(lambda: renewed[0].set() or True):
        second = keeper.keep(lambda: renewed[1].set() or True)
        assert all(event.wait(60) for event in renewed)
        second.stop()
        renewed[0].clear()
        assert renewed[0].wait(60)


def test_a_lost_lease_is_not_renewed_again_and_others_are(keeper: LeaseKeeper):
    calls: list[int] = []
    kept = threading.Event()

    def lose() -> bool:
        calls.append(1)
        return False

    with keeper.keep(lose) as lease, keeper.keep(lambda: (lease.lost and kept.set()) or True):
        assert kept.wait(60)

    assert lease.lost
    assert len(calls) == 1


def test_stopping_waits_for_the_renewal_that_goes_on(keeper: LeaseKeeper):
    begun, stopped = threading.Event(), threading.Event()
    at_its_end: list[bool] = []

    def renew() -> bool:
        begun.set()
        at_its_end.append(stopped.wait(0.2))
        return True

    lease = keeper.keep(renew)
    assert begun.wait(60)
    lease.stop()
    stopped.set()

    assert at_its_end == [False]


def test_a_database_that_is_away_for_a_moment_does_not_end_the_renewal(keeper: LeaseKeeper):
    calls: list[int] = []
    renewed = threading.Event()

    def renew() -> bool:
        calls.append(1)
        if len(calls) < 3:
            raise DatabaseUnavailable("away")
        renewed.set()
        return True

    with keeper.keep(renew) as lease:
        assert renewed.wait(60)

    assert not lease.lost


def test_an_unexpected_error_ends_neither_the_renewal_nor_that_of_others(keeper: LeaseKeeper):
    renewed, other, later = threading.Event(), threading.Event(), threading.Event()
    calls: list[int] = []

    def renew() -> bool:
        calls.append(1)
        if len(calls) < 3:
            raise MemoryError("on purpose")
        renewed.set()
        return True

    with keeper.keep(renew) as lease, keeper.keep(lambda: other.set() or True):
        assert renewed.wait(10)
        assert other.wait(10)
    with keeper.keep(lambda: later.set() or True):
        assert later.wait(10)

    assert not lease.lost


def test_renewal_goes_on_when_even_the_log_fails(
    keeper: LeaseKeeper, monkeypatch: pytest.MonkeyPatch
):
    calls: list[int] = []
    renewed = threading.Event()

    def fail(*arguments: object, **options: object) -> None:
        calls.append(1)
        raise MemoryError("on purpose")

    def renew() -> bool:
        if not calls:
            fail()
        renewed.set()
        return True

    monkeypatch.setattr(lease_module, "log", SimpleNamespace(exception=fail))

    with keeper.keep(renew):
        assert renewed.wait(10)
    assert len(calls) == 2


def test_a_thread_that_could_not_start_is_started_with_the_next_lease(
    keeper: LeaseKeeper, monkeypatch: pytest.MonkeyPatch
):
    def fail(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as trouble:
        trouble.setattr(threading.Thread, "start", fail)
        with pytest.raises(RuntimeError):
            keeper.keep(lambda: True)

    renewed = threading.Event()
    with keeper.keep(lambda: renewed.set() or True):
        assert renewed.wait(10)


def test_what_could_not_be_given_back_is_when_the_database_is_there_again(keeper: LeaseKeeper):
    tries: list[int] = []
    given = threading.Event()

    def give_back() -> None:
        tries.append(1)
        if len(tries) < 3:
            raise DatabaseUnavailable("away")
        given.set()

    keeper.owe(give_back)
    assert given.wait(10)

    keeper.settle()
    assert len(tries) == 3


def test_who_asks_hears_that_it_still_cannot_be_given_back():
    keeper, given = LeaseKeeper(3600.0), list[str]()
    away = [True]

    def give_back(name: str) -> None:
        if away[0]:
            raise DatabaseUnavailable("away")
        if name == "broken":
            raise RuntimeError("on purpose")
        given.append(name)

    for name in ("first", "broken", "last"):
        keeper.owe(partial(give_back, name))
    with pytest.raises(DatabaseUnavailable):
        keeper.settle()
    away[0] = False
    keeper.settle()
    keeper.settle()

    assert given == ["first", "last"]
    keeper.close()


def test_a_child_whose_parent_is_gone_exits():
    pid = os.fork()
    if pid == 0:
        keeper = LeaseKeeper(0.01, parent=os.getpid())  # itself is not its parent
        with keeper.keep(lambda: True):
            threading.Event().wait(60)
        os._exit(0)

    _, status = os.waitpid(pid, 0)

    assert os.waitstatus_to_exitcode(status) == ORPHANED
