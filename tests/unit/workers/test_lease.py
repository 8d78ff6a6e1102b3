from __future__ import annotations

import os
import threading

from lungline.errors import DatabaseUnavailable
from workers.lease import ORPHANED, LeaseKeeper


def test_a_lease_is_renewed_while_the_block_runs_and_not_after():
    calls: list[int] = []
    thrice = threading.Event()

    def renew() -> bool:
        calls.append(1)
        if len(calls) >= 3:
            thrice.set()
        return True

    with LeaseKeeper(renew, 0.01) as keeper:
        assert thrice.wait(60)

    count = len(calls)
    assert not keeper.lost
    assert threading.active_count() == 1 or all(t.name != "lease" for t in threading.enumerate())
    assert len(calls) == count


def test_a_lost_lease_is_not_renewed_again():
    calls: list[int] = []
    ended = threading.Event()

    def renew() -> bool:
        calls.append(1)
        ended.set()
        return False

    with LeaseKeeper(renew, 0.01) as keeper:
        assert ended.wait(60)
        threading.Event().wait(0.1)

    assert keeper.lost
    assert len(calls) == 1


def test_a_database_that_is_away_for_a_moment_does_not_end_the_renewal():
    calls: list[int] = []
    renewed = threading.Event()

    def renew() -> bool:
        calls.append(1)
        if len(calls) < 3:
            raise DatabaseUnavailable("away")
        renewed.set()
        return True

    with LeaseKeeper(renew, 0.01) as keeper:
        assert renewed.wait(60)

    assert not keeper.lost


def test_a_child_whose_parent_is_gone_exits():
    pid = os.fork()
    if pid == 0:
        with LeaseKeeper(lambda: True, 0.01, parent=os.getpid()):  # itself is not its parent
            threading.Event().wait(60)
        os._exit(0)

    _, status = os.waitpid(pid, 0)

    assert os.waitstatus_to_exitcode(status) == ORPHANED
