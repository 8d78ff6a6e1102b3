"""`lungline up` as a user starts it: a process, an address, a data folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

import psutil

from tests.fixtures.parts import REPOSITORY

READY_SECONDS = 300.0


@dataclass(slots=True)
class Up:
    """A running `lungline up`.

    Attributes:
        process: The command.
        data: Its data folder.
        lines: What it has said.
    """

    process: subprocess.Popen[str]
    data: Path
    lines: list[str] = field(default_factory=list)
    _reader: Thread | None = None

    @property
    def url(self) -> str:
        """The address that it told."""
        found = re.search(r"address +(http\S+)", "\n".join(self.lines))
        assert found, self.lines
        return found[1]

    def follow(self) -> None:
        """Read what it says, so that it never waits for us."""
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_ready(self) -> None:
        """Wait until it says that it is ready."""
        end = time.monotonic() + READY_SECONDS
        while not any("Ctrl-C" in line for line in self.lines):
            assert self.process.poll() is None, self.lines
            assert time.monotonic() < end, self.lines
            time.sleep(0.05)

    def descendants(self) -> list[psutil.Process]:
        """All processes that it started."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def wait(self, seconds: float = 120.0) -> int:
        """Wait for its end; return the exit code."""
        code = self.process.wait(seconds)
        if self._reader:
            self._reader.join()
        return code

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as pipe:
            self.lines.extend(line.rstrip("\n") for line in iter(pipe.readline, ""))


def command(*arguments: object) -> list[str]:
    """The command line of `lungline`."""
    return [sys.executable, "-m", "lungline", *map(str, arguments)]


def lungline(
    *arguments: object, url: str = "", seconds: float = 600.0
) -> subprocess.CompletedProcess[str]:
    """Run a command of `lungline` to its end."""
    environment = {**os.environ, "LUNGLINE_URL": url} if url else None
    return subprocess.run(
        command(*arguments),
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


@contextmanager
def up(data: Path, *options: object) -> Iterator[Up]:
    """Run `lungline up` on a free port, in a process group of its own as a terminal would."""
    process = subprocess.Popen(
        command("up", "--data", data, "--port", 0, *options),
        cwd=REPOSITORY,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    running = Up(process, data)
    running.follow()
    try:
        running.wait_ready()
        yield running
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            running.wait()
        except subprocess.TimeoutExpired:
            process.kill()
            running.wait()


def all_gone(processes: list[psutil.Process], seconds: float = 60.0) -> list[psutil.Process]:
    """Wait for processes to end; return those that are still there."""
    end = time.monotonic() + seconds
    while left := [process for process in processes if _alive(process)]:
        if time.monotonic() > end:
            return left
        time.sleep(0.05)
    return []


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
