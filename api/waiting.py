"""Requests that wait for something to happen: politely, few at a time, and not for nobody."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import Any, TypeVar

T = TypeVar("T")

FIRST_PAUSE_SECONDS = 0.005
LONGEST_PAUSE_SECONDS = 0.25
_SHARE = 0.1  # a pause of a tenth of the time waited adds at most a tenth to it


class Seats:
    """How many requests of one kind may wait at a time: each holds a thread."""

    def __init__(self, limit: int) -> None:
        """Allow `limit`."""
        self._free = limit
        self._lock = Lock()

    def take(self) -> bool:
        """Take a seat; False when all are taken."""
        with self._lock:
            if self._free <= 0:
                return False
            self._free -= 1
            return True

    def leave(self) -> None:
        """Give a seat back."""
        with self._lock:
            self._free += 1

    @contextmanager
    def seat(self) -> Iterator[bool]:
        """Hold a seat in a block; yields whether there was one."""
        taken = self.take()
        try:
            yield taken
        finally:
            if taken:
                self.leave()


def look_until(
    look: Callable[[], T],
    enough: Callable[[T], bool],
    seconds: float,
    given_up: Callable[[], bool] = lambda: False,
) -> T:
    """Look again and again, at first some hundred times a second, then ever less often.

    Between two looks nothing is held, so `look` must open and close what it needs.

    Args:
        look: Reads the state.
        enough: Whether a state is what is waited for.
        seconds: Longest wait.
        given_up: Whether nobody waits any more.

    Returns:
        The state that was seen last.
    """
    began = time.monotonic()
    while True:
        seen = look()
        waited = time.monotonic() - began
        if enough(seen) or waited >= seconds or given_up():
            return seen
        pause = min(max(FIRST_PAUSE_SECONDS, waited * _SHARE), LONGEST_PAUSE_SECONDS)
        time.sleep(min(pause, seconds - waited))


def client_gone(wsgi: Mapping[str, Any]) -> bool:
    """Whether the client has closed its end, where the server lends its socket.

    What the client may have sent meanwhile stays to be read.
    """
    connection = wsgi.get("gunicorn.socket")
    if connection is None:
        return False
    try:
        poll = select.poll()
        poll.register(connection, select.POLLIN)
        return bool(poll.poll(0)) and connection.recv(1, socket.MSG_PEEK) == b""
    except ValueError:  # an encrypted socket cannot be looked into
        return False
    except OSError:
        return True
