"""A TCP proxy whose connections can go silent, as behind a firewall that forgot them."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

from tests.fixtures.ports import reserve_port


class SilentProxy:
    """Passes bytes on to a server. Connections that are silenced stay open and carry nothing."""

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self.port = reserve_port()
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._ends: list[socket.socket] = []
        self._silent: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def silence(self) -> int:
        """Silence all connections of now; return how many. New ones are passed on."""
        self._silent.update(self._ends)
        return len(self._silent) // 2

    def close(self) -> None:
        """Close all connections."""
        for end in (self._listener, *self._ends):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                try:
                    far = socket.create_connection(self._server)
                except OSError:  # the server is down
                    near.close()
                    continue
                self._ends += [near, far]
                for source, target in ((near, far), (far, near)):
                    passing = threading.Thread(target=self._pass_on, args=(source, target))
                    passing.daemon = True
                    passing.start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if source not in self._silent:
                    target.sendall(data)
        if source not in self._silent:
            with suppress(OSError):
                target.shutdown(socket.SHUT_RDWR)
