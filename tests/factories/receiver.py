"""A receiver of webhooks by the docs' example, which fails at its first message."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import httpx


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it came, the names of its headers in small letters."""

    headers: dict[str, str]
    body: bytes


class Receiving:
    """Something that listens, before it knows how to receive."""

    def __init__(self) -> None:
        self.server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/lungline"
        self.seen: list[Message] = []

    def serve(self, receiver: Any) -> None:
        """Receive as a handler does, from the second message on; the first gets a 500."""
        seen = self.seen

        class FailsOnce(receiver):  # type: ignore[misc]
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.rfile = io.BytesIO(body)
                headers = {name.lower(): value for name, value in self.headers.items()}
                seen.append(Message(headers, body))
                if len(seen) == 1:
                    self.send_error(500)
                else:
                    super().do_POST()

            def log_message(self, *words: Any) -> None:
                """Keep quiet."""

        self.server.RequestHandlerClass = FailsOnce
        Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def send(self, headers: Mapping[str, str], body: bytes) -> int:
        """Send it a message; return the status of its answer."""
        signed = {name: text for name, text in headers.items() if name.startswith("webhook-")}
        return httpx.post(self.url, content=body, headers=signed, trust_env=False).status_code


@contextmanager
def receiving() -> Iterator[Receiving]:
    """Listen on a free port."""
    receiver = Receiving()
    try:
        yield receiver
    finally:
        receiver.server.shutdown()
        receiver.server.server_close()
