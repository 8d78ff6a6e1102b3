"""When what a client sends must have come: until then it holds a thread.

A socket's own timeout begins anew with each byte, so who lets bytes drip is never late by it. What
is read has its deadline here, and the server's main loop cuts off who misses it.
"""

from __future__ import annotations

import io
import socket
import time
from contextlib import suppress
from typing import Any, Protocol

HEAD_SECONDS = 20.0
"""For a request's line and headers, as Apache's mod_reqtimeout allows at first."""
LEAST_RATE = 1_000.0
"""Bytes a second that a body must come at, once it has been slow for as long as it may be idle."""


class Deadlines:
    """Connections that something is read from, and when that must have come."""

    def __init__(self) -> None:
        """Begin without any."""
        self._ends: dict[socket.socket, float] = {}

    def set(self, connection: socket.socket, seconds: float) -> None:
        """Cut a connection off that is still read from after `seconds`."""
        self._ends[connection] = time.monotonic() + seconds

    def lift(self, connection: socket.socket) -> bool:
        """Forget a connection: what was read from it has come. False: it has been cut off."""
        return self._ends.pop(connection, None) is not None

    def cut_off_late(self) -> None:
        """End what late clients send, for whoever reads it; an answer still reaches them."""
        now = time.monotonic()
        for connection, end in list(self._ends.items()):
            # Whoever takes it out decides: nothing is cut off that has come in time.
            if end < now and self._ends.pop(connection, None) is not None:
                with suppress(OSError):  # the client itself has gone
                    connection.shutdown(socket.SHUT_RD)


DEADLINES = Deadlines()
"""Those of this process."""


class ServerBody(Protocol):
    """A body as gunicorn reads it.

    Attributes:
        failed: Whether nobody knows where the next request begins: the connection is then closed.
    """

    failed: bool

    def read(self, size: int) -> bytes:
        """Read `size` bytes: fewer at the end only."""
        ...


class TimedInput(io.RawIOBase):
    """A request's body, each read of which has a deadline."""

    def __init__(self, body: ServerBody, connection: socket.socket, idle_seconds: float) -> None:
        """Keep what the body is read from.

        Args:
            body: The server's input.
            connection: On which it comes.
            idle_seconds: What any read may take, beside the time for its bytes.
        """
        self._body, self._connection, self._idle = body, connection, idle_seconds

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill `buffer`.

        Raises:
            TimeoutError: It came too late.
        """
        size = len(buffer)
        DEADLINES.set(self._connection, self._idle + size / LEAST_RATE)
        try:
            data = self._body.read(size)
        finally:
            in_time = DEADLINES.lift(self._connection)
        if not in_time:
            # To gunicorn, which would take what still comes for the next request.
            self._body.failed = True
            raise TimeoutError("The body came too slowly.")
        buffer[: len(data)] = data
        return len(data)


class IdleLimit:
    """Ends connections whose client neither sends nor reads, or sends too slowly."""

    def __init__(self, app: Any, seconds: float) -> None:
        """Wrap a WSGI application."""
        self._app = app
        self._seconds = seconds

    def __call__(self, wsgi: dict[str, Any], start_response: Any) -> Any:
        """Limit the connection, where the server lends its socket."""
        if connection := wsgi.get("gunicorn.socket"):
            connection.settimeout(self._seconds)
            wsgi["wsgi.input"] = TimedInput(wsgi["wsgi.input"], connection, self._seconds)
        return self._app(wsgi, start_response)
