"""Processes and the broker die in the middle of a job; every film is read exactly once."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator

import pytest

from tests.factories.service import Service, many_films, prepare, quick_settings
from tests.factories.worker_processes import WorkerProcesses, wait_for
from tests.fixtures.valkey import ValkeyServer

pytestmark = pytest.mark.faults

FILMS = 96


@pytest.fixture(scope="module")
def service(valkey: ValkeyServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    settings = quick_settings(tmp_path_factory.mktemp("killed"), broker_url=valkey.url)
    prepare(settings)
    with WorkerProcesses(settings) as processes:
        processes.start("control", "beat")
        processes.start("analyze", command=slow_worker())
        processes.await_ready()
        service = Service(settings, processes)
        yield service
        service.close()


def test_a_killed_child_costs_no_film(service: Service):
    data = many_films(FILMS, 10_000)
    job = service.submit(data)

    for share in (0.2, 0.4):
        service.half_done(job, share)
        os.kill(service.processes.children("analyze")[0], signal.SIGKILL)

    service.finished(job)
    service.assert_each_read_once(job, data)


def test_a_killed_worker_costs_no_film(service: Service):
    data = many_films(FILMS, 20_000)
    job = service.submit(data)
    service.half_done(job)
    children = service.processes.children("analyze")

    service.processes.kill("analyze")
    wait_for(lambda: not any(_alive(child) for child in children))  # none works on unseen
    service.processes.start("analyze", command=slow_worker())

    service.finished(job)
    service.assert_each_read_once(job, data)


def test_a_broker_that_loses_everything_costs_no_film(service: Service, valkey: ValkeyServer):
    data = many_films(FILMS, 30_000)
    job = service.submit(data)
    service.half_done(job)

    valkey.stop()
    valkey.empty()
    time.sleep(3)
    valkey.start()

    service.finished(job)
    service.assert_each_read_once(job, data)


def test_a_killed_broker_and_a_killed_control_worker_cost_no_film(
    service: Service, valkey: ValkeyServer
):
    data = many_films(FILMS, 40_000)
    job = service.submit(data)
    service.half_done(job)

    valkey.kill()
    service.processes.kill("control")
    service.processes.kill("beat")
    valkey.start()
    service.processes.start("control", "beat")

    service.finished(job)
    service.assert_each_read_once(job, data)


def slow_worker() -> tuple[str, ...]:
    """Reads as always, but slowly enough for the job to be broken in its middle."""
    return ("-m", "tests.faults.deadly_worker", json.dumps({"batch_seconds": 0.2}))


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
