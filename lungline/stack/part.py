"""One part of the stack: started, watched, started again when it dies, stopped in time."""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping
from pathlib import Path

from lungline.stack.errors import StackFailed
from lungline.stack.folders import Folders
from lungline.stack.log import PartLog
from lungline.stack.plan import PartSpec
from lungline.stack.process import Process
from lungline.stack.pulse import Pulse

# A part that dies this often in a row, each time this soon after its start, will not get better.
QUICK_DEATHS = 4
QUICK_SECONDS = 10.0
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 15.0


class Part:
    """A part's process, its log and its history of deaths."""

    def __init__(
        self, spec: PartSpec, folder: Path, environment: Mapping[str, str], folders: Folders
    ) -> None:
        """Prepare the part; `start` starts it in `folder`."""
        self.spec = spec
        self.log = PartLog(folders.logs / f"{spec.name}.log")
        self._pulse = Pulse(folders.run)
        self._folder = folder
        self._environment = environment
        self._process: Process | None = None
        self._started_at = 0.0
        self._start_again_at = 0.0
        self._quick_deaths = 0

    @property
    def name(self) -> str:
        """The part's name."""
        return self.spec.name

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self._process is not None and self._process.exit_code() is None

    @property
    def pid(self) -> int | None:
        """The process id, None between two lives."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the process and follow its output."""
        self._process = Process(
            self.spec.command,
            folder=self._folder,
            environment=self._environment,
            orphan_signal=self.spec.orphan_signal,
            keep=self.spec.keep,
        )
        self._started_at = time.monotonic()
        self.log.follow(self._process.output)

    def look(self) -> str | None:
        """Look after the part: end it when it stands still, start it again when it has died.

        It is started when its pause is over.

        Returns:
            What happened, for people; None when nothing did.

        Raises:
            StackFailed: The part keeps dying right after its start.
        """
        now = time.monotonic()
        if self._process is None:
            if now >= self._start_again_at:
                self.start()
            return None
        code = self._process.exit_code()
        if code is not None:
            return self._after_death(code, now)
        if not self._pulse.lost(self._process.pid):
            return None
        self.kill()
        return f"{self.name} stood still and was killed"

    def wait(self, seconds: float) -> int | None:
        """Wait for the process to end by itself; return its exit code, or None: it still runs."""
        end = time.monotonic() + seconds
        while (code := self._process.exit_code() if self._process else 0) is None:
            if time.monotonic() >= end:
                return None
            time.sleep(0.02)
        return code

    def ask_to_stop(self) -> None:
        """Ask the process to end in its own time."""
        if self.running and self._process:
            self._process.terminate()

    def kill(self) -> None:
        """End the process and all its children now."""
        if self._process:
            self._process.kill()

    def failure(self, why: str) -> StackFailed:
        """Make the error that ends the stack because of this part."""
        self.log.drain()
        message = f"{self.name} {why}; its log is {self.log.path}"
        return StackFailed(message, self.log.last_lines)

    def _after_death(self, code: int, now: float) -> str:
        quick = now - self._started_at < QUICK_SECONDS
        self._quick_deaths = self._quick_deaths + 1 if quick else 0
        if self._quick_deaths >= QUICK_DEATHS:
            raise self.failure(f"keeps dying at its start ({describe_exit(code)})")
        self._process = None
        pause = min(
            FIRST_PAUSE_SECONDS * 2 ** max(0, self._quick_deaths - 1), LONGEST_PAUSE_SECONDS
        )
        self._start_again_at = now + pause
        return f"{self.name} died ({describe_exit(code)}); it starts again in {pause:g} s"


def describe_exit(code: int) -> str:
    """Say how a process ended: `exit code 3`, `SIGKILL`."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
