"""Many light workers: processes that claim, lease and write as workers do, and read nothing."""

from __future__ import annotations

import multiprocessing
import time
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from typing import Any

from benchmarks.null_parts import null_parts
from lungline.settings import Settings
from lungline.telemetry import configure_logging
from workers.analyze import read_batch

_START_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Crowd:
    """Light workers over one database.

    Attributes:
        settings: Of the workers.
        processes: How many.
        batch_seconds: How long each takes for a batch.
    """

    settings: Settings
    processes: int
    batch_seconds: float = 0.0

    def films_per_second(self, seconds: float) -> float:
        """Let all work for so long; return the films that they read and wrote in a second."""
        # Forked from a process that has imported everything: 32 imports would take minutes.
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__])
        ready, rates = context.Barrier(self.processes), context.Queue()
        workers = [
            context.Process(target=_work, args=(self, number, seconds, ready, rates))
            for number in range(self.processes)
        ]
        for worker in workers:
            worker.start()
        total = sum(rates.get(timeout=_START_SECONDS + 2 * seconds) for _ in workers)
        for worker in workers:
            worker.join()
        return float(total)


def _work(crowd: Crowd, number: int, seconds: float, ready: Barrier, rates: Any) -> None:
    configure_logging(crowd.settings.model_copy(update={"log_level": "WARNING"}), "benchmark")
    parts = null_parts(crowd.settings, f"light-{number}", crowd.batch_seconds)
    parts.repository.jobs.queued_films()  # connected
    ready.wait(timeout=_START_SECONDS)
    started = time.monotonic()
    films = 0
    while time.monotonic() - started < seconds:
        films += read_batch(parts)
    parts.writer.wait()
    rates.put(films / (time.monotonic() - started))
    parts.close()
