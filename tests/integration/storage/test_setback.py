"""The server's clock is set back by an hour: who lives loses nothing, who died is found."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lungline.domain import DEFAULT_TENANT, ExportFormat, UploadStatus
from storage.events import EventType
from storage.repository import Repository
from tests.factories.rows import must_claim, read, read_all, submit, submit_archive

HOUR = 3_600.0
LEASE = 12.0


def set_back(repo: Repository, seconds: float = HOUR) -> None:
    repo.database.clock_offset -= seconds


def later(repo: Repository, seconds: float) -> None:
    repo.database.clock_offset += seconds


def test_films_of_a_dead_worker_wait_a_minute_and_not_an_hour(repo: Repository) -> None:
    submit(repo, 3)
    must_claim(repo)
    set_back(repo)

    assert repo.repairs.late_leases(LEASE) == 3
    assert repo.repairs.late_leases(LEASE) == 0
    assert repo.repairs.expired_leases() == 0
    later(repo, 61)
    assert repo.repairs.expired_leases() == 3


def test_a_live_worker_keeps_its_films(repo: Repository) -> None:
    submit(repo, 3)
    batch = must_claim(repo)
    set_back(repo)

    for _ in range(3):
        repo.repairs.late_leases(LEASE)
        assert repo.repairs.expired_leases() == 0
        later(repo, 4)
        assert repo.claims.renew(batch.lease_id, LEASE)

    assert repo.claims.finish(batch.lease_id, read(batch)) == 3


@pytest.mark.parametrize("lease", [12.0, 60.0, 170.0])
def test_a_worker_with_a_longer_lease_than_the_sweeps_loses_nothing(
    repo: Repository, lease: float
) -> None:
    submit(repo, 1)
    batch = repo.claims.claim("other", limit=1, lease_seconds=lease, hard_seconds=600)
    assert batch is not None

    for _ in range(3):
        repo.repairs.late_leases(LEASE)
        later(repo, lease / 3)
        assert repo.repairs.expired_leases() == 0
        assert repo.claims.renew(batch.lease_id, lease)

    assert repo.claims.finish(batch.lease_id, read(batch)) == 1


def expand(repo: Repository) -> None:
    submit_archive(repo)
    assert repo.expansions.claim("expander", LEASE) is not None


def leave_aside(repo: Repository) -> None:
    submit_archive(repo)
    expansion = repo.expansions.claim("expander", LEASE)
    assert expansion is not None
    assert repo.expansions.hand_back(expansion.lease_id, 10.0)


def export(repo: Repository) -> None:
    job = submit(repo, 1)
    read_all(repo)
    repo.exports.create(DEFAULT_TENANT, job.id, ExportFormat.CSV, seconds=10 * HOUR)
    assert repo.exports.claim("crew-0", LEASE) is not None


def complete(repo: Repository) -> None:
    upload = repo.uploads.create(
        DEFAULT_TENANT,
        filename="",
        size=1,
        sha256=None,
        part_size=1,
        seconds=10 * HOUR,
        most_held=9,
    )
    repo.uploads.ready(upload.id, "token")
    assert repo.uploads.begin_completing(DEFAULT_TENANT, upload.id, 60.0) is not None


def deliver(repo: Repository) -> None:
    webhook = repo.webhooks.create(DEFAULT_TENANT, "https://a.example/", EventType)
    repo.webhooks.ping(DEFAULT_TENANT, webhook.webhook.id)
    assert repo.webhooks.claim(webhook.webhook.id, 60.0) is not None


def expansions_back(repo: Repository) -> int:
    return repo.repairs.expired_expansions()


def archives_waiting(repo: Repository) -> int:
    return repo.expansions.waiting()


def exports_back(repo: Repository) -> int:
    class Store:
        def discard(self, key: str) -> None:
            pass

    return repo.exports.take_back(Store(), 3)


def uploads_back(repo: Repository) -> int:
    (upload,) = repo.uploads.page(DEFAULT_TENANT, limit=2).items
    assert upload.status is UploadStatus.COMPLETING
    return len([repo.uploads.begin_completing(DEFAULT_TENANT, upload.id, 60.0)])


def deliveries_back(repo: Repository) -> int:
    return len(repo.webhooks.due(9))


@pytest.mark.parametrize(
    ("take", "back"),
    [
        (expand, expansions_back),
        (leave_aside, archives_waiting),
        (export, exports_back),
        (complete, uploads_back),
        (deliver, deliveries_back),
    ],
)
def test_whatever_else_somebody_held_who_died_is_free_after_a_minute(
    repo: Repository, take: Callable[[Repository], None], back: Callable[[Repository], int]
) -> None:
    take(repo)
    assert repo.repairs.late_leases(LEASE) == 0
    set_back(repo)

    assert repo.repairs.late_leases(LEASE) == 1
    later(repo, 61)

    assert back(repo) == 1
