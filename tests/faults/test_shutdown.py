"""A worker that is told to stop finishes or hands back, and leaves nobody behind."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from storage.jobs import Job
from tests.factories.service import Service, many_films, prepare, quick_settings
from tests.factories.worker_processes import WorkerProcesses, wait_for
from tests.fixtures.valkey import ValkeyServer

pytestmark = pytest.mark.faults

NEVER = 3600.0
"""Seconds that no test lives to see: who waits for them fails."""


@contextmanager
def service_reading(
    valkey: ValkeyServer, folder_of: pytest.TempPathFactory, batch_seconds: float
) -> Iterator[tuple[Service, Job]]:
    """A service in the middle of a job whose batches take that long."""
    settings = quick_settings(folder_of.mktemp("stop"), broker_url=valkey.url)
    prepare(settings)
    plan = json.dumps({"batch_seconds": batch_seconds, "soft_seconds": NEVER})
    with WorkerProcesses(settings) as processes:
        service = Service(settings, processes)
        processes.start("control", "beat")
        processes.start("analyze", command=("-m", "tests.faults.deadly_worker", plan))
        processes.await_ready()
        job = service.submit(many_films(16, 70_000))
        wait_for(lambda: service.job(job).running == 8)
        yield service, job
        service.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_worker_finishes_its_batches_and_takes_no_more(
    valkey: ValkeyServer, tmp_path_factory: pytest.TempPathFactory, number: signal.Signals
):
    with service_reading(valkey, tmp_path_factory, batch_seconds=5) as (service, job):
        children = service.processes.children("analyze")

        service.processes.signal("analyze", number)

        assert service.processes.wait("analyze") == 0, "it does not sleep through its soft timeout"
        assert not any(psutil.pid_exists(child) for child in children)
        job = service.job(job)
        assert (job.succeeded, job.queued, job.running) == (8, 8, 0)
        assert not list((service.settings.data_dir / "run").glob("*.ready"))


def test_a_worker_told_to_stop_twice_hands_back_and_quits_at_once(
    valkey: ValkeyServer, tmp_path_factory: pytest.TempPathFactory
):
    with service_reading(valkey, tmp_path_factory, batch_seconds=NEVER) as (service, job):
        children = service.processes.children("analyze")
        log = service.processes.log("analyze")

        service.processes.signal("analyze")
        wait_for(lambda: "told to stop" in log.read_text())
        service.processes.signal("analyze")

        service.processes.wait("analyze")
        assert not any(psutil.pid_exists(child) for child in children)
        job = service.job(job)
        assert (job.queued, job.running) == (16, 0)
        assert {item.attempt for item in service.items(job)} == {0}


def test_a_worker_told_to_stop_while_it_starts_stops(
    valkey: ValkeyServer, tmp_path_factory: pytest.TempPathFactory
):
    settings = quick_settings(tmp_path_factory.mktemp("early"), broker_url=valkey.url)
    prepare(settings)
    with WorkerProcesses(settings) as processes:
        processes.start("analyze", "expand", "control", "beat")
        time.sleep(1.5)
        for role in ("analyze", "expand", "control", "beat"):
            processes.signal(role)
        for role in ("analyze", "expand", "control", "beat"):
            processes.wait(role)
