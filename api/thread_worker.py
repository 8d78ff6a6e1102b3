"""gunicorn's worker of threads, which waits for nobody's headers without an end.

The original waits five seconds for a connection's first byte without a thread, and for all others
with one, for ever: a hundred clients that send a letter each would stop the service.
"""

from __future__ import annotations

from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

from api.deadlines import DEADLINES, HEAD_SECONDS
from lungline.settings import current_settings


class TimedThreadWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn is untyped
    """Reads each request's line and headers within a time."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take what gunicorn gives its workers."""
        super().__init__(*args, **kwargs)
        self._head_seconds = min(HEAD_SECONDS, current_settings().client_idle_seconds)

    def handle(self, conn: TConn) -> Any:
        """Read a request and answer it, on one of the threads."""
        DEADLINES.set(conn.sock, self._head_seconds)
        try:
            return super().handle(conn)
        finally:
            DEADLINES.lift(conn.sock)

    def handle_request(self, req: Any, conn: TConn) -> Any:
        """Answer a request whose headers have come."""
        DEADLINES.lift(conn.sock)
        return super().handle_request(req, conn)

    def murder_pending(self) -> None:
        """Close what has waited too long, once a second; the name is gunicorn's."""
        super().murder_pending()
        DEADLINES.cut_off_late()
