"""Worker processes of a test: started, watched, killed and stopped as an operator would."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from lungline.settings import Settings, environment_of
from tests.fixtures.parts import REPOSITORY

PATIENCE_SECONDS = 120.0
"""After this long what a test waits for will not come any more, on the busiest machine."""


class WorkerProcesses:
    """The processes of `python -m workers`, by role. They end with the `with` block."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in self._running.values():
            process.send_signal(signal.SIGTERM)
        for role in list(self._running):
            self._end(role)

    def start(self, *roles: str, command: tuple[str, ...] = ("-m", "workers")) -> None:
        """Start parts; `command` is what runs instead of `workers`, with the role behind it."""
        for role in roles:
            with self.log(role).open("ab") as log:
                self._running[role] = subprocess.Popen(
                    [sys.executable, *command, role],
                    cwd=REPOSITORY,
                    env=environment_of(self._settings) | {"PYTHONPATH": str(REPOSITORY)},
                    stdout=log,
                    stderr=log,
                )

    def await_ready(self) -> None:
        """Wait until every reading child has loaded its bundle."""
        run = self._settings.data_dir / "run"
        wait_for(lambda: len(list(run.glob("*.ready"))) == self._settings.worker_processes)

    def log(self, role: str) -> Path:
        """Where a part's output goes."""
        return self._settings.data_dir / f"{role}.log"

    def pid(self, role: str) -> int:
        """The process id of a part."""
        return self._running[role].pid

    def children(self, role: str) -> list[int]:
        """The process ids of a part's children."""
        return [child.pid for child in psutil.Process(self.pid(role)).children()]

    def kill(self, role: str) -> None:
        """End a part as a crash would."""
        self._running[role].kill()
        self._running.pop(role).wait()

    def signal(self, role: str, number: signal.Signals = signal.SIGTERM) -> None:
        """Send a signal to a part."""
        self._running[role].send_signal(number)

    def wait(self, role: str, seconds: float = PATIENCE_SECONDS) -> int:
        """Wait for the end of a part; return its exit status."""
        status = self._running[role].wait(seconds)
        del self._running[role]
        return status

    def _end(self, role: str) -> None:
        process = self._running.pop(role)
        try:
            process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(condition: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until a condition holds; the test fails when it does not in time."""
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, f"not within {seconds:g} s"
        time.sleep(0.02)
