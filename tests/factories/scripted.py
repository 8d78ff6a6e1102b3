"""A service that says what a test wrote down for it: a real HTTP server, scripted."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

JOB_ID = "019ab3c1f2e47d0f8b1c2d3e4f506172"


@dataclass(frozen=True, slots=True)
class Answer:
    """What to answer once.

    Attributes:
        body: JSON, or bytes as they are.
        status: HTTP status; 0 closes the connection without a word.
        headers: Further headers.
        first: Done before it is said.
    """

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    first: Callable[[], object] = lambda: None


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Script:
    """A scripted service.

    Attributes:
        url: Its address.
        answers: What it will say; the last is said again and again.
        seen: What it was asked.
    """

    url: str
    answers: list[Answer]
    seen: list[Seen] = field(default_factory=list)


def job_wire(status: str = "succeeded", **counts: int) -> dict[str, Any]:
    """A job as the API tells it."""
    known = {"total": 2, "queued": 0, "running": 0, "succeeded": 2, "failed": 0, "cancelled": 0}
    ended = status not in {"receiving", "expanding", "running", "cancelling"}
    return {
        "id": JOB_ID,
        "name": "night shift",
        "status": status,
        "bundle": "paediatric-pneumonia@0.1.0",
        "priority": "normal",
        "source": "archive",
        "metadata": {},
        "counts": {**known, "reused": 0, **counts},
        "expansion": {"entries_seen": 2, "entries_total": 2},
        "queue_position": None if ended else 0,
        "rate_films_per_second": 12.5,
        "eta_seconds": 0.0 if ended else 8.0,
        "error": None,
        "created_at": "2026-01-02T03:04:05.000Z",
        "started_at": "2026-01-02T03:04:06.000Z",
        "finished_at": "2026-01-02T03:04:08.500Z" if ended else None,
        "links": {},
    }


def problem(status: int, code: str, detail: str = "No.", **headers: str) -> Answer:
    """An answer that refuses."""
    body = {"type": "about:blank", "status": status, "code": code, "detail": detail}
    return Answer({**body, "request_id": "r1"}, status, headers)


@contextmanager
def scripted(*answers: Answer) -> Iterator[Script]:
    """Run a service that gives these answers in turn."""

    class Handler(_Handler):
        script = Script("", list(answers))

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Handler.script.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield Handler.script
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    script: Script

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PATCH(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def log_message(self, *arguments: Any) -> None:
        pass

    def _answer(self) -> None:
        body, script = self._body(), self.script
        script.seen.append(Seen(self.command, self.path, dict(self.headers), body))
        answer = script.answers.pop(0) if len(script.answers) > 1 else script.answers[0]
        self.close_connection = True
        answer.first()
        if not answer.status:
            return
        is_raw = isinstance(answer.body, bytes)
        content = answer.body if is_raw else json.dumps(answer.body).encode()
        self.send_response(answer.status)
        # Told, so that no client sends its next request into a connection that is being closed.
        own = {"Content-Length": str(len(content)), "Connection": "close"}
        for name, value in {**answer.headers, **own}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body
