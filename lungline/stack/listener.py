"""The API's listening socket, opened by the supervisor and handed to gunicorn.

So a busy port is found before anything starts, a free port cannot be taken in between, and
connections wait instead of being refused while a dead API is started again.
"""

from __future__ import annotations

import errno
import socket
import time

from lungline.errors import ConfigurationError
from lungline.stack.errors import PortBusy

BACKLOG = 512


def open_listener(host: str, port: int, patience: float = 0.0) -> socket.socket:
    """Listen on `host`:`port`; port 0 takes a free one.

    Args:
        host: An address of this machine.
        port: The port.
        patience: Seconds to wait for a port that is about to get free.

    Raises:
        PortBusy: Somebody else listens there.
        ConfigurationError: The address does not belong to this machine, or needs privileges.
    """
    end = time.monotonic() + patience
    while True:
        try:
            return _listen(host, port)
        except OSError as error:
            busy = error.errno == errno.EADDRINUSE
            if not busy:
                reason = error.strerror or str(error)
                message = f"cannot listen on {host} port {port}: {reason}"
                raise ConfigurationError(message) from None
        if time.monotonic() >= end:
            raise PortBusy(
                f"port {port} on {host} is in use by another program: "
                "choose another with --port (0 takes a free one)"
            )
        time.sleep(0.1)


def url_of(listener: socket.socket) -> str:
    """Return the address under which this machine reaches the listener."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # only compared
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener
