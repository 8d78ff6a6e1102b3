"""Reading while its processes keep dying: one of two gets SIGKILL every ten seconds.

`make bench-attrition` keeps a queue of distinct films before two processes that read, and counts
what they finish: for half of the time undisturbed, for the whole of it while one of the two,
drawn anew each time, is killed again and again, and for the other half undisturbed. At last all
films must be read. The last line is JSON: `films_per_second` of both, `share` of the second in the
first, processes `killed`, and films `submitted`, `lost` and `failed`.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
import psutil
import typer
from rich.console import Console
from sqlalchemy import func, select

from benchmarks.films import write_films
from benchmarks.stack import supervised_stack
from lungline.client.client import LunglineClient
from lungline.client.films import gather
from lungline.settings import Settings, load_settings
from lungline.stack.supervisor import Supervisor
from storage.database import Database
from storage.models import JobRow

A_JOB = 300
"""Films; when fewer than two such jobs wait, another is made and submitted."""
console = Console(stderr=True)


def main(
    seconds: Annotated[float, typer.Option(help="How long processes are killed.")] = 300.0,
    every: Annotated[float, typer.Option(help="Seconds between two kills.")] = 10.0,
    seed: Annotated[int, typer.Option(help="Of who is killed, and of the films.")] = 1,
) -> None:
    """Measure, and print the figures."""
    settings = load_settings().model_copy(update={"worker_processes": 2})
    with tempfile.TemporaryDirectory(prefix="lungline-attrition-") as name:
        folder = Path(name)
        with supervised_stack(settings, folder / "data") as supervisor:
            queue = Queue(supervisor.plan.settings, folder / "films", seed)
            figures = _measure(supervisor, queue, seconds, every, np.random.default_rng(seed))
    print(json.dumps(figures))


class Queue:
    """Films of which enough wait at any time, and how many of them are done.

    Attributes:
        submitted: Films of each job, by its id.
    """

    def __init__(self, settings: Settings, folder: Path, seed: int) -> None:
        """Submit nothing yet; films are made in `folder`."""
        self.submitted: dict[str, int] = {}
        self._settings, self._folder, self._seed = settings, folder, seed
        self._database = Database(settings.sqlalchemy_url)
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._feed, name="feed")

    def start(self) -> None:
        """Begin to submit; return when enough wait."""
        self._thread.start()
        while self._counts()[1] < A_JOB:
            if not self._thread.is_alive():
                raise RuntimeError("films cannot be submitted")
            time.sleep(0.2)

    def stop(self) -> None:
        """Submit no more."""
        if not self._thread.is_alive():
            raise RuntimeError("films could not be submitted at some time")
        self._enough.set()
        self._thread.join()
        self._database.dispose()

    def done(self) -> int:
        """Films that have ended."""
        return self._counts()[0]

    def _feed(self) -> None:
        with LunglineClient(self._settings.url) as client:
            while not self._enough.wait(0.5):
                while self._counts()[1] < 2 * A_JOB:
                    folder = self._folder / str(len(self.submitted))
                    write_films(folder, A_JOB, self._seed + len(self.submitted))
                    job = client.submit_films(gather([folder]).films)
                    shutil.rmtree(folder)
                    self.submitted[job.id] = A_JOB

    def _counts(self) -> tuple[int, int]:
        """Films that have ended, and that wait."""
        ended = func.coalesce(func.sum(JobRow.succeeded + JobRow.failed), 0)
        waiting = func.coalesce(func.sum(JobRow.queued), 0)
        with self._database.read() as connection:
            row = connection.execute(select(ended, waiting)).one()
        return int(row[0]), int(row[1])


def _measure(
    supervisor: Supervisor, queue: Queue, seconds: float, every: float, drawn: np.random.Generator
) -> dict[str, object]:
    killed = 0

    def kill() -> None:
        nonlocal killed
        readers = psutil.Process(supervisor.pids()["analyze"]).children()
        os.kill(readers[drawn.integers(len(readers))].pid, signal.SIGKILL)
        killed += 1

    queue.start()
    first = _rate(queue, seconds / 2)
    console.print(f"undisturbed: {first:.1f} films a second", style="dim")
    disturbed = _rate(queue, seconds, every, kill)
    console.print(f"{killed} killed: {disturbed:.1f} films a second", style="dim")
    last = _rate(queue, seconds / 2)
    console.print(f"undisturbed: {last:.1f} films a second", style="dim")
    queue.stop()
    read, failed = _ends(supervisor.plan.settings.url, list(queue.submitted))
    undisturbed = (first + last) / 2
    return {
        "films_per_second": {"undisturbed": round(undisturbed, 1), "killed": round(disturbed, 1)},
        "share": round(disturbed / undisturbed, 2),
        "killed": killed,
        "submitted": (submitted := sum(queue.submitted.values())),
        "lost": submitted - read - failed,
        "failed": failed,
    }


def _rate(
    queue: Queue, seconds: float, every: float = 1.0, act: Callable[[], None] = lambda: None
) -> float:
    """Let films be read for so long, and something happen again and again; give the rate."""
    started, before = time.monotonic(), queue.done()
    upcoming = started
    while (now := time.monotonic()) < started + seconds:
        if now >= upcoming:
            act()
            upcoming += every
        time.sleep(min(upcoming, started + seconds) - now if upcoming > now else 0)
    return (queue.done() - before) / (time.monotonic() - started)


def _ends(url: str, jobs: list[str]) -> tuple[int, int]:
    """Wait for all jobs; give the films that were read and that failed."""
    read = failed = 0
    with LunglineClient(url) as client:
        for job in jobs:
            for seen in client.watch(job):
                counts = seen.counts
            read, failed = read + counts.succeeded, failed + counts.failed
    return read, failed


if __name__ == "__main__":
    typer.run(main)
