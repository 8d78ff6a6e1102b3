"""The API under its real server, as a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from lungline.settings import Settings, environment_of
from storage.database import Database
from storage.migrate import upgrade
from storage.objects import ObjectStore, open_store
from storage.repository import Repository
from tests.factories.services import settings
from tests.fixtures.parts import REPOSITORY
from tests.fixtures.ports import reserve_port

_START_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Server:
    """A running server, and its parts as seen from outside."""

    process: subprocess.Popen[bytes]
    settings: Settings
    http: httpx.Client
    repository: Repository
    store: ObjectStore
    log: Path

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return "127.0.0.1", self.settings.api_port

    def peak_bytes(self) -> int:
        """Most memory that the server and its workers ever held."""
        parent = psutil.Process(self.process.pid)
        return sum(_peak(child.pid) for child in (parent, *parent.children(recursive=True)))

    def stop(self) -> int:
        """Ask it to stop and return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


@contextmanager
def running_server(folder: Path, **overrides: Any) -> Iterator[Server]:
    """Run gunicorn on an empty database and store in `folder`."""
    port = reserve_port()
    made = settings(folder, api_port=port, url=f"http://127.0.0.1:{port}", **overrides)
    database = Database(made.sqlalchemy_url)
    upgrade(database)
    log = folder / "api.log"
    command = [sys.executable, "-m", "gunicorn", "api.wsgi:app", "-c", "api/gunicorn.py"]
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command, cwd=REPOSITORY, env=environment_of(made), stdout=output, stderr=output
        ) as process,
        httpx.Client(base_url=made.url, timeout=60) as http,
    ):
        try:
            _wait_until_it_answers(process, http, log)
            yield Server(process, made, http, Repository(database), open_store(made), log)
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
            database.dispose()


def _peak(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def _wait_until_it_answers(process: subprocess.Popen[bytes], http: httpx.Client, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            http.get("/healthz").raise_for_status()
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"the server did not start:\n{log.read_text()}")
