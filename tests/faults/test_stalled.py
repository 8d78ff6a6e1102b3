"""A worker that is alive and does nothing is ended, and one that rightly waits is not."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import psutil
import pytest

from tests.factories.proxies import SilentProxy
from tests.factories.service import Service, many_films, prepare, quick_settings
from tests.factories.worker_processes import WorkerProcesses, wait_for
from tests.fixtures.valkey import ValkeyServer

pytestmark = pytest.mark.faults

STALL = 6.0  # a busy machine must not take it for a stall that it was not served for so long


@dataclass(frozen=True, slots=True)
class Watched:
    """A service with one reading process, whose way to the broker can go silent."""

    service: Service
    broker: ValkeyServer
    way: SilentProxy

    @property
    def processes(self) -> WorkerProcesses:
        return self.service.processes

    def family(self) -> list[int]:
        """The process ids of the worker's parent and child."""
        return [self.processes.pid("analyze"), *self.processes.children("analyze")]

    def read(self, data: list[bytes]) -> None:
        """Films sent now are read, each once."""
        job = self.service.submit(data)
        self.service.finished(job)
        self.service.assert_each_read_once(job, data)

    def read_after_restart(self, data: list[bytes]) -> None:
        """Films sent now are read once the worker has ended and its supervisor has started it."""
        job, family = self.service.submit(data), self.family()
        assert self.processes.wait("analyze") == -signal.SIGKILL
        wait_for(lambda: not any(map(psutil.pid_exists, family)))
        self.processes.start("analyze")
        self.service.finished(job)
        self.service.assert_each_read_once(job, data)
        time.sleep(STALL / 3)  # until parent and child have begun to beat

    def said(self, words: str) -> bool:
        return words in self.processes.log("analyze").read_text()


@pytest.fixture(scope="module")
def watched(valkey: ValkeyServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    url = urlsplit(valkey.url)
    way = SilentProxy(str(url.hostname), int(url.port or 0))
    changes = {"broker_url": valkey.url, "worker_processes": 1, "stall_seconds": STALL}
    settings = quick_settings(tmp_path_factory.mktemp("stalled"), **changes)
    prepare(settings)
    reader = settings.model_copy(update={"broker_url": f"redis://127.0.0.1:{way.port}/0"})
    with WorkerProcesses(settings) as others, WorkerProcesses(reader) as processes:
        others.start("control", "beat")
        plan = json.dumps({"batch_seconds": 1.3 * STALL})
        processes.start("analyze", command=("-m", "tests.faults.deadly_worker", plan))
        processes.await_ready()
        service = Service(settings, processes)
        yield Watched(service, valkey, way)
        service.close()
    way.close()


def test_idle_busy_and_brokerless_workers_and_those_of_paused_jobs_are_left_alone(
    watched: Watched,
):
    family, service = watched.family(), watched.service
    paused = service.submit(many_films(1, 84_000))
    service.repository.control.pause("default", paused.id)
    data = many_films(4, 85_000)
    busy = service.submit(data)  # takes longer than anything may stand still
    wait_for(lambda: service.job(busy).running > 0)
    watched.broker.stop()
    time.sleep(1.3 * STALL)
    watched.broker.start()
    service.finished(busy)
    service.assert_each_read_once(busy, data)
    time.sleep(1.3 * STALL)
    watched.read(many_films(1, 86_000))

    assert watched.family() == family
    assert not watched.said("stands still")
    assert not watched.said("is ended")


def test_a_stopped_child_is_replaced_and_its_permit_is_not_lost(watched: Watched):
    parent, child = watched.family()
    os.kill(child, signal.SIGSTOP)

    watched.read(many_films(4, 81_000))

    assert watched.family()[0] == parent
    assert child not in watched.family()
    assert watched.said("a child stands still")


def test_a_worker_whose_broker_connection_is_dead_without_an_error_ends(watched: Watched):
    assert watched.way.silence()

    watched.read_after_restart(many_films(4, 83_000))

    assert watched.said("this worker is ended")


def test_a_worker_whose_parent_hangs_ends_with_all_its_children(watched: Watched):
    watched.processes.signal("analyze", signal.SIGSTOP)

    watched.read_after_restart(many_films(4, 82_000))

    assert watched.said("its parent process stands still")
