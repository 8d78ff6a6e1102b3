from __future__ import annotations

import os

import pytest

from workers.crew import Crew, Hold


def test_a_killed_child_leaves_its_mark_and_one_that_ends_does_not():
    crew = Crew(3)

    killed = _fork(lambda: _exit_while_holding(crew, 1))
    ended = _fork(lambda: _hold_and_end(crew, 2))

    assert crew.busy() == [1]
    assert crew.holder(1) == killed != ended
    crew.clear(1)
    assert crew.busy() == []


def test_children_see_that_they_should_stop():
    crew = Crew(1)
    assert not crew.stopping

    crew.stop()

    assert crew.stopping
    assert os.waitstatus_to_exitcode(_status(lambda: os._exit(7 if crew.stopping else 0))) == 7


def test_an_error_ends_the_holding():
    crew = Crew(1)

    with pytest.raises(ZeroDivisionError), Hold(crew, 0):
        1 / len(crew.busy()[1:])

    assert crew.busy() == []


def test_the_mark_stays_until_the_last_thread_has_left():
    crew = Crew(1)
    hold = Hold(crew, 0)

    with hold:
        with hold:
            pass
        assert crew.busy() == [0]

    assert crew.busy() == []


def test_slots_have_names_of_their_own():
    crew = Crew(2)

    assert crew.worker_id(0) != crew.worker_id(1)
    assert crew.worker_id(0).startswith(crew.name)


def _exit_while_holding(crew: Crew, slot: int) -> None:
    with Hold(crew, slot):
        os._exit(1)


def _hold_and_end(crew: Crew, slot: int) -> None:
    with Hold(crew, slot):
        pass
    os._exit(0)


def _fork(act) -> int:
    pid = os.fork()
    if pid == 0:
        act()
    os.waitpid(pid, 0)
    return pid


def _status(act) -> int:
    pid = os.fork()
    if pid == 0:
        act()
    return os.waitpid(pid, 0)[1]
