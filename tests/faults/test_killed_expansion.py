"""The expander dies in the middle of an archive; no entry is lost, none comes twice."""

from __future__ import annotations

import os
import signal

import pytest

from lungline.archives import ArchiveFormat
from lungline.domain import JobStatus
from tests.factories import archives, films
from tests.factories.service import Service, prepare, quick_settings
from tests.factories.worker_processes import WorkerProcesses, wait_for
from tests.fixtures.valkey import ValkeyServer

pytestmark = pytest.mark.faults

FILMS = 400


@pytest.mark.parametrize("kind", [ArchiveFormat.ZIP, ArchiveFormat.TAR_GZIP])
def test_a_killed_expander_goes_on_at_the_cursor(
    kind: ArchiveFormat, valkey: ValkeyServer, tmp_path_factory: pytest.TempPathFactory
):
    settings = quick_settings(
        tmp_path_factory.mktemp("expand"),
        broker_url=valkey.url,
        expand_slice=4,
        expander_processes=1,
    )
    prepare(settings)
    with WorkerProcesses(settings) as processes:
        processes.start("expand", "control", "beat")
        service = Service(settings, processes)
        packed = {f"films/{n:05}.jpg": films.jpeg(80_000 + n) for n in range(FILMS)}
        zipped = kind is ArchiveFormat.ZIP
        job = service.submit_archive(
            archives.zip_of(packed) if zipped else archives.tar_of(packed, kind)
        )

        for share in (0.1, 0.3):
            wait_for(lambda share=share: service.job(job).entries_seen >= share * FILMS)
            assert service.job(job).status is JobStatus.EXPANDING, "too short to be broken"
            os.kill(processes.children("expand")[0], signal.SIGKILL)
        wait_for(lambda: service.job(job).status is JobStatus.RUNNING)

        items = service.items(job)
        assert [item.name for item in items] == [f"films/{n:05}.jpg" for n in range(FILMS)]
        assert len({item.film.sha256 for item in items}) == FILMS
        assert service.repository.repairs.check_counters() == []
        assert (service.job(job).entries_accepted, service.job(job).entries_seen) == (FILMS, FILMS)
        assert service.store.get(items[7].film.object_key) == films.jpeg(80_007)
        service.close()
