"""All parts of the back as processes: an archive and films in, findings out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from lungline.domain import JobStatus
from tests.factories import archives, films
from tests.factories.service import Service, many_films, prepare, quick_settings
from tests.factories.worker_processes import WorkerProcesses, wait_for
from tests.fixtures.valkey import ValkeyServer

pytestmark = pytest.mark.integration

ROLES = ("analyze", "expand", "control", "beat")


@pytest.fixture(scope="module")
def service(valkey: ValkeyServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    settings = quick_settings(tmp_path_factory.mktemp("workers"), broker_url=valkey.url)
    prepare(settings)
    with WorkerProcesses(settings) as processes:
        processes.start(*ROLES)
        processes.await_ready()
        service = Service(settings, processes)
        yield service
        service.close()


def test_films_are_read(service: Service):
    data = many_films(20, 1_000)

    job = service.submit(data)

    service.finished(job)
    service.assert_each_read_once(job, data)


def test_an_archive_is_expanded_and_read(service: Service):
    count = 40
    submitted = service.submit_archive(archives.zip_of_films(count, first_seed=2_000))

    job = service.finished(submitted)

    assert job.status is JobStatus.SUCCEEDED
    assert (job.total, job.succeeded, job.entries_seen) == (count, count, count)
    data = [films.jpeg(2_000 + number) for number in range(count)]
    service.assert_each_read_once(job, data)
    assert not service.store.exists(str(submitted.archive_key))


def test_a_damaged_film_fails_alone(service: Service):
    data = [*many_films(3, 3_000), films.truncated_jpeg(1)]
    job = service.submit(data)

    job = service.finished(job)

    assert job.status is JobStatus.COMPLETED_WITH_ERRORS
    assert [item.error_code for item in service.items(job)] == [None, None, None, "truncated"]


def test_only_reading_children_carry_a_runtime(service: Service):
    reading = service.processes.children("analyze")
    others = [
        pid
        for role in ROLES
        for pid in (service.processes.pid(role), *service.processes.children(role))
        if pid not in reading
    ]

    assert len(reading) == service.settings.worker_processes
    assert all(_carries_openvino(pid) for pid in reading)
    assert not any(_carries_openvino(pid) for pid in others)
    assert all(psutil.Process(pid).memory_info().rss < 200 << 20 for pid in others)


def test_children_that_open_what_strangers_sent_have_a_limit_of_memory(service: Service):
    most = service.settings.worker_memory_bytes
    for role in ("analyze", "expand"):
        children = service.processes.children(role)
        assert children
        for pid in children:
            soft, _ = psutil.Process(pid).rlimit(psutil.RLIMIT_DATA)
            assert 0 < soft == most, role


def test_the_log_tells_whose_films_were_read(service: Service):
    job = service.finished(service.submit(many_films(1, 4_000)))

    log = service.processes.log("analyze")
    wait_for(lambda: job.id in log.read_text())  # said once the findings are committed


def test_no_log_line_names_a_film(service: Service):
    logs = "".join(service.processes.log(role).read_text() for role in ROLES)

    assert "batch read" in logs
    assert "film-0001" not in logs
    assert "films/0" not in logs


def _carries_openvino(pid: int) -> bool:
    return "libopenvino" in Path(f"/proc/{pid}/maps").read_text()
