"""The expander dies in the middle of an archive; no entry is lost, none comes twice."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from lungline.archives import ArchiveFormat
from lungline.domain import DEFAULT_TENANT, JobStatus
from storage.jobs import Job
from tests.factories import archives, films
from tests.factories.service import Service, prepare, quick_settings
from tests.factories.worker_processes import WorkerProcesses, wait_for
from tests.fixtures.valkey import ValkeyServer

pytestmark = pytest.mark.faults

FILMS = 160


@dataclass(frozen=True, slots=True)
class Place:
    """A running service with one expander, and a folder that jobs may name."""

    service: Service
    folder: Path


@pytest.fixture(scope="module")
def place(valkey: ValkeyServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("place")
    settings = quick_settings(
        tmp_path_factory.mktemp("expand"),
        broker_url=valkey.url,
        expand_slice=4,
        expander_processes=1,
        sources=f"place={folder}",
    )
    prepare(settings)
    with WorkerProcesses(settings) as processes:
        processes.start("expand", "control", "beat")
        service = Service(settings, processes)
        yield Place(service, folder)
        service.close()


@pytest.mark.parametrize(
    ("number", "origin"),
    list(enumerate([ArchiveFormat.ZIP, ArchiveFormat.TAR_GZIP, "prefix", "job"])),
)
def test_a_killed_expander_goes_on_at_the_cursor(place: Place, number: int, origin: str):
    service, first = place.service, 80_000 + number * FILMS
    packed = {f"film-{n:04}": films.jpeg(first + n) for n in range(FILMS)}
    job = submit(place, origin, packed)

    for share in (0.1, 0.3):
        wait_for(lambda share=share: service.job(job).entries_seen >= share * FILMS)
        assert service.job(job).status is JobStatus.EXPANDING, "too short to be broken"
        os.kill(service.processes.children("expand")[0], signal.SIGKILL)
    wait_for(lambda: service.job(job).status is JobStatus.RUNNING)

    items = service.items(job)
    assert [item.name for item in items] == list(packed)
    assert len({item.film.sha256 for item in items}) == FILMS
    assert service.repository.repairs.check_counters() == []
    assert (service.job(job).entries_accepted, service.job(job).entries_seen) == (FILMS, FILMS)
    assert service.store.get(items[7].film.object_key) == films.jpeg(first + 7)


def submit(place: Place, origin: str, packed: Mapping[str, bytes]) -> Job:
    """Make a job of films that an expander has to find."""
    service = place.service
    match origin:
        case ArchiveFormat.ZIP:
            return service.submit_archive(archives.zip_of(packed))
        case ArchiveFormat.TAR_GZIP:
            return service.submit_archive(archives.tar_of(packed, ArchiveFormat.TAR_GZIP))
        case "prefix":
            for name, film in packed.items():
                (place.folder / name).write_bytes(film)
            return service.submit_prefix("place/")
        case _:
            first = service.submit(list(packed.values()))
            service.repository.jobs.cancel(DEFAULT_TENANT, first.id)
            return service.submit_again(first)
