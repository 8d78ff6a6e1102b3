"""Films that end, hang or break the process that reads them fail alone; all others are read."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from lungline.domain import ItemStatus, JobStatus
from tests.factories.service import Service, many_films, prepare, quick_settings
from tests.factories.worker_processes import WorkerProcesses, wait_for
from tests.fixtures.valkey import ValkeyServer

pytestmark = pytest.mark.faults


def test_deadly_films_end_alone_as_attempts_exhausted(
    valkey: ValkeyServer, tmp_path_factory: pytest.TempPathFactory
):
    settings = quick_settings(
        tmp_path_factory.mktemp("deadly"), broker_url=valkey.url, batch_hard_limit_seconds=6.0
    )
    prepare(settings)
    data = many_films(24, 50_000)
    deadly = {3: "exit", 10: "hang", 11: "exit", 20: "raise"}
    with WorkerProcesses(settings) as processes:
        service = Service(settings, processes)
        job = service.submit(data)
        hashes = [item.film.sha256 for item in service.items(job)]
        plan = {"films": {hashes[number]: act for number, act in deadly.items()}}
        command = ("-m", "tests.faults.deadly_worker", json.dumps(plan))
        processes.start("control", "beat")
        processes.start("analyze", command=command)

        job = service.finished(job)

        items = service.items(job)
        failed = {item.seq: item for item in items if item.status is ItemStatus.FAILED}
        assert job.status is JobStatus.COMPLETED_WITH_ERRORS
        assert set(failed) == set(deadly)
        assert {item.error_code for item in failed.values()} == {"attempts_exhausted"}
        assert {item.attempt for item in failed.values()} == {settings.max_attempts}
        assert Counter(item.status for item in items)[ItemStatus.SUCCEEDED] == 20
        read = [item for item in items if item.seq not in deadly]
        service.assert_findings(read, [data[item.seq] for item in read])
        assert service.repository.repairs.check_counters() == []
        service.close()


def test_a_bundle_that_loads_slowly_is_not_killed(
    valkey: ValkeyServer, tmp_path_factory: pytest.TempPathFactory
):
    settings = quick_settings(
        tmp_path_factory.mktemp("slow"), broker_url=valkey.url, worker_processes=1
    )
    prepare(settings)
    plan = json.dumps({"load_seconds": 10})
    with WorkerProcesses(settings) as processes:
        service = Service(settings, processes)
        processes.start("control", "beat")
        processes.start("analyze", command=("-m", "tests.faults.deadly_worker", plan))
        data = many_films(4, 60_000)
        job = service.submit(data)

        wait_for(lambda: len(processes.children("analyze")) == 1)
        children = processes.children("analyze")
        processes.await_ready()
        assert processes.children("analyze") == children, "the first child was let load"
        service.finished(job)
        service.assert_each_read_once(job, data)
        assert "died" not in processes.log("analyze").read_text()
        service.close()
