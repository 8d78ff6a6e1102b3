"""What a client sends must come in time, however it drips."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from api import deadlines
from api.deadlines import DEADLINES, Deadlines, TimedInput


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_who_is_late_is_read_to_the_end_of_what_came(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = pair
    theirs.sendall(b"GE")
    late = Deadlines()
    late.set(ours, -1)
    with ThreadPoolExecutor(1) as thread:
        read = thread.submit(lambda: (ours.recv(2), ours.recv(2)))
        late.cut_off_late()
        assert read.result(30) == (b"GE", b"")
    assert not late.lift(ours)
    ours.sendall(b"408")
    assert theirs.recv(3) == b"408"


def test_who_is_in_time_is_not_cut_off(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    punctual = Deadlines()
    punctual.set(ours, 60)
    punctual.cut_off_late()
    assert punctual.lift(ours)
    punctual.set(ours, -1)
    assert punctual.lift(ours)
    punctual.cut_off_late()
    theirs.sendall(b"more")
    assert ours.recv(4) == b"more"


def test_a_client_that_has_gone_disturbs_nothing() -> None:
    gone = Deadlines()
    ours, theirs = socket.socketpair()
    theirs.close()
    ours.close()
    gone.set(ours, -1)
    gone.cut_off_late()


def test_each_read_of_a_body_has_a_deadline(
    pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = pair
    theirs.sendall(b"key=")
    monkeypatch.setattr(deadlines, "LEAST_RATE", 1e9)

    class Dripping:
        """Waits for bytes as gunicorn does: until there are as many as asked for."""

        failed = False

        def read(self, size: int) -> bytes:
            DEADLINES.cut_off_late()
            return ours.recv(size, socket.MSG_WAITALL)

    dripping = Dripping()
    with ThreadPoolExecutor(1) as thread:
        read = thread.submit(TimedInput(dripping, ours, -1).read, 100)
        with pytest.raises(TimeoutError):
            read.result(30)
    assert dripping.failed, "so that gunicorn takes nothing for the next request"
