"""gunicorn's configuration, from Lungline's settings.

Threads suit this service: a request waits for the disk, the database or a slow client, and a
thread that waits does not stop the worker's heartbeat, so a long upload is not killed.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from lungline.settings import current_settings, is_loopback
from lungline.telemetry import configure_logging, get_logger

_settings = current_settings()
_host = f"[{_settings.api_host}]" if ":" in _settings.api_host else _settings.api_host
_memory = Path("/dev/shm")  # noqa: S108  # the heartbeat file must not wait for a disk

bind = f"{_host}:{_settings.api_port}"
workers = _settings.api_processes
worker_class = "api.thread_worker.TimedThreadWorker"
# Who only waits must not keep others from their answer; a thread is made when first needed.
threads = _settings.api_threads + _settings.max_waits + _settings.max_event_streams
worker_tmp_dir = str(_memory) if _memory.is_dir() else None
# Each worker opens its own database and broker connections, after the fork.
preload_app = False
# The heartbeat of the worker's main loop, not a limit on requests.
timeout = 60
# Time for uploads under way when the service is stopped.
graceful_timeout = 20
keepalive = 15
limit_request_line = 8190  # metadata of a raw body stands in the query
proc_name = "lungline-api"
# Who asks, and by what, the application decides (LUNGLINE_TRUSTED_PROXIES): gunicorn would believe
# anybody on this machine.
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}
# The application logs each request without names or query (api/trace.py).
accesslog = None
# gunicorn 25 and newer would open a socket in the home folder.
control_socket_disable = True


class Discreet(logging.Filter):
    """Takes out of gunicorn's lines what a client sent: an address may hold a name."""

    _quoting = ("Invalid request from", "Error handling request")

    def filter(self, record: logging.LogRecord) -> bool:
        """Shorten the line; keep it."""
        for start in self._quoting:
            if str(record.msg).startswith(start):
                record.msg, record.args = start, ()
        return True


def on_starting(server: Any) -> None:
    """Send gunicorn's own lines through the service's log, and let several workers count in files.

    Whichever of them is asked for metrics then tells what all have answered.
    """
    on_reload(server)
    if workers > 1:
        # In memory, too: a request that is counted must not wait for a disk.
        server.counts = tempfile.mkdtemp(prefix="lungline-metrics-", dir=worker_tmp_dir)
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = server.counts


def on_reload(server: Any) -> None:
    """Send gunicorn's own lines through the service's log; it has set its own handlers up."""
    configure_logging(_settings, "api")
    logger = logging.getLogger("gunicorn.error")
    logger.handlers.clear()
    logger.propagate = True
    logger.filters[:] = [Discreet()]


def on_exit(server: Any) -> None:
    """Remove what the workers have counted; the next parent counts from 0."""
    if workers > 1:
        shutil.rmtree(server.counts, ignore_errors=True)


def when_ready(server: Any) -> None:
    """End a service without keys that others than this machine reach, whatever `--bind` said."""
    if _settings.keys_needed:
        return
    for listener in server.LISTENERS:
        name = listener.sock.getsockname()
        if isinstance(name, tuple) and not is_loopback(name[0]):
            raise SystemExit(
                f"lungline: without keys the API binds loopback only, not {name[0]}: "
                "set LUNGLINE_AUTH=keys; see docs/operations.md"
            )


def post_worker_init(worker: Any) -> None:
    """Let requests that wait see that the worker stops, or it would wait for them.

    Then say that it is ready: who replaces an API ends the old one after that.
    """
    from api.context import EXTENSION
    from api.wsgi import app

    app.extensions[EXTENSION].stopping = lambda: not worker.alive
    get_logger("api").info("ready", pid=worker.pid)


def worker_exit(server: Any, worker: Any) -> None:
    """Close the parts of a worker that stops."""
    from api.context import EXTENSION
    from api.wsgi import app

    app.extensions[EXTENSION].close()
