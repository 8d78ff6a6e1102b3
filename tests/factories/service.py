"""A service of real workers that the fault tests break, and what must hold afterwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from lungline.domain import ItemStatus, JobStatus
from lungline.settings import Settings
from ml.analyzer import Analyzer, Reading
from storage.jobs import Job
from tests.factories import films
from tests.factories.bundle import tiny_bundle
from tests.factories.work import Desk, make_settings, migrate
from tests.factories.worker_processes import WorkerProcesses, wait_for

WIDTH, HEIGHT = 240, 200


class Service(Desk):
    """A database, a store, the tiny bundle, and the processes of the workers."""

    def __init__(self, settings: Settings, processes: WorkerProcesses) -> None:
        super().__init__(settings)
        self.processes = processes
        self._analyzer = Analyzer.load(settings.bundles_dir / "tiny")

    def half_done(self, job: Job, share: float = 0.3) -> None:
        """Wait until a share of a job is read."""
        wait_for(lambda: self.job(job).succeeded >= share * job.total)
        assert not self.job(job).status.terminal, "the job was too short to be broken"

    def finished(self, job: Job) -> Job:
        """Wait for the end of a job."""
        wait_for(lambda: self.job(job).status.terminal)
        return self.job(job)

    def assert_each_read_once(self, job: Job, data: Sequence[bytes]) -> None:
        """Each film has one row, succeeded by its own reading, as if nothing had happened."""
        job = self.job(job)
        items = self.items(job)
        assert job.status is JobStatus.SUCCEEDED
        assert [item.seq for item in items] == list(range(len(data)))
        assert Counter(item.status for item in items) == {ItemStatus.SUCCEEDED: len(data)}
        assert not any(item.reused for item in items)
        assert len({item.prediction.id for item in items}) == len(data)
        assert self.repository.repairs.check_counters() == []
        self.assert_findings(items, data)

    def assert_findings(self, items: Sequence[Any], data: Sequence[bytes]) -> None:
        """The findings are those of a direct reading."""
        for item, reading in zip(items, self._analyzer.read(data), strict=True):
            assert isinstance(reading, Reading)
            expected = {finding.label: finding.probability for finding in reading.findings}
            found = {each["label"]: each["probability"] for each in item.prediction.findings}
            assert found == pytest.approx(expected, abs=1e-4)
            assert item.prediction.top_label == reading.top_label
            assert self.store.exists(item.prediction.mask_key)


def quick_settings(folder: Path, **changes: Any) -> Settings:
    """Settings under which faults are noticed within seconds, so that tests are quick.

    A lease still outlives five renewals that a busy machine delays.
    """
    quick = {
        "lease_seconds": 6.0,
        "lease_renewal_seconds": 1.0,
        "sweep_interval_seconds": 0.5,
        "max_attempts": 2,
    }
    return make_settings(folder, **quick | changes)


def prepare(settings: Settings) -> None:
    """Make the tables and the bundle."""
    migrate(settings)
    tiny_bundle(settings.bundles_dir / "tiny")


def many_films(count: int, first_seed: int) -> list[bytes]:
    """Distinct films; different seeds give different ones."""
    return [films.jpeg(first_seed + number, WIDTH, HEIGHT) for number in range(count)]
