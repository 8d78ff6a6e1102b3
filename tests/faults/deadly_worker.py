"""`python -m tests.faults.deadly_worker PLAN analyze`: a worker that some films kill.

Everything is the real worker's but the reader, which wraps the real one. PLAN is JSON:
`films` says what the film of a SHA-256 does to its process ("exit", "hang", "raise"),
`load_seconds` how long a bundle takes to load, `batch_seconds` how long a batch takes at least,
`soft_seconds` how long batches in work get when the worker is told to stop, `start_fails` a file as
long as which is there no child can start.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lungline.settings import Settings, current_settings
from workers.__main__ import prepare


class DeadlyReader:
    """Reads with the real reader whatever lets it."""

    def __init__(self, reader: Any, plan: dict[str, Any]) -> None:
        self._reader, self._plan = reader, plan
        self.runtime_name = reader.runtime_name

    def read(self, films: Sequence[bytes]) -> Sequence[Any]:
        for film in films:
            self._act(self._plan.get("films", {}).get(hashlib.sha256(film).hexdigest()))
        time.sleep(self._plan.get("batch_seconds", 0))
        return self._reader.read(films)

    def _act(self, act: str | None) -> None:
        match act:
            case "exit":
                os._exit(9)
            case "hang":
                time.sleep(3600)
            case "raise":
                raise MemoryError("on purpose")


def deadly_loader(plan: dict[str, Any]) -> Callable[[Settings], Callable[[str], DeadlyReader]]:
    from workers.analyzers import bundle_loader

    def make(settings: Settings) -> Callable[[str], DeadlyReader]:
        if Path(plan.get("start_fails", "")).is_file():
            raise RuntimeError("on purpose")
        real = bundle_loader(settings)

        def load(bundle: str) -> DeadlyReader:
            time.sleep(plan.get("load_seconds", 0))
            return DeadlyReader(real(bundle), plan)

        return load

    return make


def main() -> int:
    prepare()
    from lungline.queueing import Queue
    from workers import beginning, worker

    plan = json.loads(sys.argv[1])
    if "soft_seconds" in plan:
        worker.app.conf.worker_soft_shutdown_timeout = plan["soft_seconds"]
    if "start_fails" in plan:
        beginning.FIRST_PAUSE_SECONDS = 0.2
    return worker.run(Queue.ANALYZE, current_settings(), deadly_loader(plan))


if __name__ == "__main__":
    sys.exit(main())
