"""The stack that is broken: the API, the workers and beat over a pair's servers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import psutil

from lungline.settings import S3_SECONDS, Settings, environment_of
from tests.factories.bundle import tiny_bundle
from tests.factories.work import make_settings, migrate
from tests.faults.drill.pairs import Pair
from tests.faults.drill.undisturbed import Undisturbed
from tests.fixtures.parts import REPOSITORY
from tests.fixtures.ports import reserve_port

PARTS = ("api", "expand", "control", "beat", "analyze")
PATIENCE_SECONDS = 180.0

QUICK: dict[str, Any] = {
    "lease_seconds": 3.0,
    "lease_renewal_seconds": 0.5,
    "batch_hard_limit_seconds": 9.0,
    "visibility_timeout_seconds": 30,
    "sweep_interval_seconds": 1.0,
    "max_attempts": 2,
    "batch_size": 16,
    "worker_processes": 2,
    "expand_slice": 24,
}
"""Settings under which faults are noticed within seconds."""


class Stuck(AssertionError):
    """What must come has not come."""


class Stack:
    """All processes of the service, each of which can be killed and started again."""

    def __init__(self, pair: Pair, folder: Path, plan: dict[str, Any], **changes: Any) -> None:
        """Prepare tables, bundle and settings; `start` runs the parts."""
        port = reserve_port()
        self.pair = pair
        self.strikes = folder / "strikes"
        self.strikes.mkdir(parents=True)
        self.plan = {"strikes": str(self.strikes)} | plan
        own = {"api_port": port, "url": f"http://127.0.0.1:{port}", "data_dir": folder / "data"}
        if pair.seaweed and "batch_hard_limit_seconds" in changes:
            # A silent S3 server must fail before a batch that waits for it counts as hanging.
            changes |= {"batch_hard_limit_seconds": S3_SECONDS, "visibility_timeout_seconds": 150}
        self.settings: Settings = make_settings(folder / "data", **pair.settings | changes | own)
        migrate(self.settings)
        self.undisturbed = Undisturbed(self.settings, real=bool(plan.get("real")))
        if not plan.get("real"):
            tiny_bundle(self.settings.bundles_dir / "tiny")
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        """Start all parts and wait until they are ready."""
        with ExitStack() as undo:
            undo.callback(self.stop)
            self.start(*PARTS)
            self.await_ready()
            undo.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End all parts."""
        self.stop()

    def stop(self) -> None:
        """End all parts."""
        for process in self._running.values():
            process.send_signal(signal.SIGCONT)
            process.send_signal(signal.SIGTERM)
        for process in self._running.values():
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def start(self, *parts: str) -> None:
        """Start parts, or start them again."""
        for part in parts:
            with (self.settings.data_dir / f"{part}.log").open("ab") as log:
                self._running[part] = subprocess.Popen(
                    [sys.executable, *self._command(part)],
                    cwd=REPOSITORY,
                    env=environment_of(self.settings)
                    | {"PYTHONPATH": str(REPOSITORY), "LUNGLINE_DRILL_STRIKES": str(self.strikes)},
                    stdout=log,
                    stderr=log,
                )

    def _command(self, part: str) -> list[str]:
        if part == "api":
            bind = f"127.0.0.1:{self.settings.api_port}"
            served = "tests.faults.drill.api:app"
            # The command itself: with `-m` it could not start its successor (SIGUSR2).
            gunicorn = str(Path(sys.executable).with_name("gunicorn"))
            return [gunicorn, served, "-c", "api/gunicorn.py", "--bind", bind]
        role = part.partition("-")[0]  # "control-2" is a second one
        if role == "beat":
            return ["-m", "workers", "beat"]
        return ["-m", "tests.faults.drill.worker", json.dumps(self.plan), role]

    def await_ready(self) -> None:
        """Wait until the API answers and each reading child has loaded."""
        run = self.settings.data_dir / "run"
        wanted = self.settings.worker_processes
        wait_for(self._answers, "an answer of the API")
        wait_for(lambda: len(list(run.glob("*.ready"))) >= wanted, "workers that are ready")

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.settings.url}/healthz", timeout=5).is_success
        except httpx.TransportError:
            return False

    def pid(self, part: str) -> int:
        """The process id of a part."""
        return self._running[part].pid

    def children(self, part: str) -> list[int]:
        """The process ids of a part's children."""
        return [child.pid for child in psutil.Process(self.pid(part)).children()]

    def forget(self, part: str) -> None:
        """Have no more to do with a part that has ended."""
        del self._running[part]

    def alive(self, part: str) -> bool:
        """Whether a part runs."""
        return self._running[part].poll() is None

    def signal(self, part: str, number: signal.Signals) -> None:
        """Send a signal to a part, and to it alone."""
        self._running[part].send_signal(number)

    def await_end(self, part: str) -> None:
        """Wait for the end of a part and of its children."""
        process = psutil.Process(self.pid(part))
        try:
            family = process.children(recursive=True)
        except psutil.NoSuchProcess:
            family = []
        self._running[part].wait(PATIENCE_SECONDS)
        _, left = psutil.wait_procs(family, timeout=60)
        if left:
            raise Stuck(f"children of {part} outlive it")

    def kill(self, *parts: str) -> None:
        """End parts with all their processes at once, as a power cut would."""
        for part in parts:
            with_children = [self.pid(part), *self.children(part)]
            for pid in with_children:
                os.kill(pid, signal.SIGKILL)
        for part in parts:
            self._running[part].wait()


def wait_for(condition: Callable[[], bool], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until a condition holds.

    Raises:
        Stuck: It does not in time.
    """
    give_up = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > give_up:
            raise Stuck(f"{what}: not within {seconds:g} s")
        time.sleep(0.1)


@contextmanager
def paused(pid: int) -> Iterator[None]:
    """Let a process stand still for the length of the block."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
