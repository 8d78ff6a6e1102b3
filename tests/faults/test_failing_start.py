"""Children that cannot start end, are replaced at a pace, and end a worker that has no others."""

from __future__ import annotations

import json
import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from tests.factories.service import Service, many_films, prepare, quick_settings
from tests.factories.worker_processes import WorkerProcesses, wait_for
from tests.fixtures.valkey import ValkeyServer
from workers.beginning import MOST_FAILURES

pytestmark = pytest.mark.faults

FAILED = "this process cannot start"


def test_a_worker_whose_children_cannot_start_recovers_or_ends(
    valkey: ValkeyServer, tmp_path: Path
) -> None:
    settings = quick_settings(tmp_path, broker_url=valkey.url, worker_processes=1)
    prepare(settings)
    wrong = tmp_path / "wrong"
    with WorkerProcesses(settings) as processes:
        service = Service(settings, processes)
        plan = json.dumps({"start_fails": str(wrong)})
        processes.start("control", "beat")
        processes.start("analyze", command=("-m", "tests.faults.deadly_worker", plan))
        processes.await_ready()
        log = processes.log("analyze")

        wrong.touch()
        _kill_child(processes)
        wait_for(lambda: log.read_text().count(FAILED) >= 2)
        wait_for(lambda: "RuntimeError\n" in _reasons(tmp_path / "run"))
        wrong.unlink()
        data = many_films(4, 95_000)
        job = service.submit(data)
        service.finished(job)
        service.assert_each_read_once(job, data)

        wrong.touch()
        _kill_child(processes)
        assert processes.wait("analyze") == 1
        assert log.read_text().count(FAILED) >= 2 + MOST_FAILURES
        service.close()


def _reasons(run: Path) -> list[str]:
    """What children wrote down; each new try removes its predecessor's, maybe as this reads."""
    reasons = []
    for path in run.glob("*.unusable"):
        with suppress(FileNotFoundError):
            reasons.append(path.read_text())
    return reasons


def _kill_child(processes: WorkerProcesses) -> None:
    (child,) = processes.children("analyze")
    os.kill(child, signal.SIGKILL)
