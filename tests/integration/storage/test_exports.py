"""Exports on each database: made once for a state of a job, by one worker, and removed whole."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from lungline.domain import DEFAULT_TENANT, ExportFormat, ExportStatus
from lungline.errors import (
    ExportNotFound,
    InvalidParameter,
    JobNotFound,
    StoreUnavailable,
    WrongState,
)
from storage import exports as exports_module
from storage.exports import Export
from storage.items import NewItem
from storage.repository import Repository
from tests.factories.rows import a_film, claim, must_claim, read_all, submit

SECONDS = 1_000.0


class Store:
    """Which objects were discarded."""

    def __init__(self) -> None:
        self.discarded: list[str] = []

    def discard(self, key: str) -> None:
        self.discarded.append(key)


def an_ended_job(repo: Repository, films: int = 2) -> str:
    job = submit(repo, films)
    read_all(repo)
    return job.id


def ask(repo: Repository, job_id: str, form: ExportFormat = ExportFormat.CSV) -> Export:
    return repo.exports.create(DEFAULT_TENANT, job_id, form, SECONDS)


def take(repo: Repository, worker: str = "host-1-0") -> Export:
    export = repo.exports.claim(worker, 60.0)
    assert export is not None
    return export


def status(repo: Repository, export: Export) -> ExportStatus:
    return repo.exports.get(DEFAULT_TENANT, export.id).status


def test_an_export_from_beginning_to_end(repo: Repository) -> None:
    asked = ask(repo, an_ended_job(repo))
    assert (asked.status, asked.items_total) == (ExportStatus.QUEUED, 2)
    assert repo.exports.waiting() == 1

    export = take(repo)
    assert repo.exports.renew(export, 60.0, 1)
    assert repo.exports.get(DEFAULT_TENANT, asked.id).items_done == 1
    assert repo.exports.finish(export, 10, "ab" * 32, 2, SECONDS)

    made = repo.exports.get(DEFAULT_TENANT, asked.id)
    assert (made.status, made.size, made.items_done) == (ExportStatus.SUCCEEDED, 10, 2)
    assert made.object_key == f"{DEFAULT_TENANT}/exports/{export.lease_id}"
    assert repo.exports.waiting() == 0
    assert not repo.exports.renew(export, 60.0, 2)
    assert repo.exports.page(DEFAULT_TENANT, limit=1).items == [made]


def test_one_state_of_a_job_is_exported_once_in_each_format(repo: Repository) -> None:
    job_id = an_ended_job(repo)
    with ThreadPoolExecutor(4) as pool:
        ids = {each.id for each in pool.map(lambda _: ask(repo, job_id), range(4))}
    assert len(ids) == 1
    assert ask(repo, job_id, ExportFormat.MASKS).id not in ids
    export = take(repo)
    repo.exports.finish(export, 1, "", 2, SECONDS)
    assert ask(repo, job_id).id == export.id
    repo.exports.delete(DEFAULT_TENANT, export.id)
    assert ask(repo, job_id).id != export.id


def test_a_job_that_has_not_ended_is_not_exported(repo: Repository) -> None:
    job = submit(repo, 1)
    with pytest.raises(WrongState, match="once it has ended"):
        ask(repo, job.id)
    repo.jobs.cancel(DEFAULT_TENANT, job.id)
    assert ask(repo, job.id).status is ExportStatus.QUEUED
    with pytest.raises(JobNotFound):
        repo.exports.create("other", job.id, ExportFormat.CSV, SECONDS)


def test_too_many_pictures_for_one_zip(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports_module, "MOST_PICTURES", 1)
    job_id = an_ended_job(repo)
    with pytest.raises(InvalidParameter, match="pictures"):
        ask(repo, job_id, ExportFormat.OVERLAYS)
    assert ask(repo, job_id).items_total == 2


def test_a_crew_makes_one_at_a_time(repo: Repository) -> None:
    for _ in range(2):
        ask(repo, an_ended_job(repo))
    take(repo, "host-1-0")
    assert repo.exports.claim("host-1-1", 60.0) is None
    assert repo.exports.claim("host-11-0", 60.0) is not None
    assert repo.exports.claim("host-12-0", 60.0) is None


def test_a_job_that_is_retried_meanwhile_fails_its_export(repo: Repository) -> None:
    job = submit(repo, [NewItem("a", a_film())])
    for _ in range(3):  # it kills its readers
        must_claim(repo)
        repo.database.clock_offset += 100.0
        repo.repairs.expired_leases()
    while claim(repo) is not None:
        repo.database.clock_offset += 100.0
        repo.repairs.expired_leases()
    asked = ask(repo, job.id)
    export = take(repo)
    repo.control.retry(DEFAULT_TENANT, job.id)

    assert not repo.exports.finish(export, 1, "", 1, SECONDS)

    failed = repo.exports.get(DEFAULT_TENANT, asked.id)
    assert (failed.status, failed.error_code) == (ExportStatus.FAILED, "job_changed")
    with pytest.raises(WrongState):
        ask(repo, job.id)
    read_all(repo)
    assert ask(repo, job.id).id != asked.id


def test_cancelled_exports_are_not_made(repo: Repository) -> None:
    job_id = an_ended_job(repo)
    waiting, running = ask(repo, job_id), ask(repo, job_id, ExportFormat.NDJSON)
    repo.exports.cancel(DEFAULT_TENANT, waiting.id)
    export = take(repo)
    assert export.id == running.id
    assert repo.exports.cancel(DEFAULT_TENANT, running.id).status is ExportStatus.CANCELLED
    assert repo.exports.cancel(DEFAULT_TENANT, running.id).status is ExportStatus.CANCELLED
    assert not repo.exports.renew(export, 60.0, 1)
    assert not repo.exports.finish(export, 1, "", 2, SECONDS)
    with pytest.raises(ExportNotFound):
        repo.exports.cancel("other", running.id)
    again = ask(repo, job_id)
    repo.exports.finish(take(repo), 1, "", 2, SECONDS)
    with pytest.raises(WrongState):
        repo.exports.cancel(DEFAULT_TENANT, again.id)


def test_what_a_dead_worker_left_is_removed_before_another_begins(repo: Repository) -> None:
    asked, store = ask(repo, an_ended_job(repo)), Store()
    first = take(repo)
    assert repo.exports.take_back(store, 2) == 0
    repo.database.clock_offset += 61.0

    assert repo.exports.take_back(store, 2) == 1
    assert store.discarded == [first.object_key]
    assert not repo.exports.finish(first, 1, "", 2, SECONDS)
    second = take(repo)
    assert second.object_key != first.object_key
    assert repo.exports.hand_back(second)
    third = take(repo)
    repo.database.clock_offset += 61.0
    repo.exports.take_back(store, 2)

    failed = repo.exports.get(DEFAULT_TENANT, asked.id)
    assert (failed.status, failed.error_code) == (ExportStatus.FAILED, "attempts_exhausted")
    assert store.discarded == [first.object_key, third.object_key]


def test_a_late_worker_finishes_nothing_that_is_being_removed(repo: Repository) -> None:
    asked = ask(repo, an_ended_job(repo))
    late = take(repo)

    class Racing(Store):
        def discard(self, key: str) -> None:
            assert not repo.exports.renew(late, 60.0, 2)
            assert not repo.exports.finish(late, 1, "", 2, SECONDS)
            super().discard(key)

    repo.database.clock_offset += 61.0
    store = Racing()
    assert repo.exports.take_back(store, 2) == 1
    assert store.discarded == [late.object_key]
    assert status(repo, asked) is ExportStatus.QUEUED


def test_a_store_that_fails_leaves_a_late_export_to_the_next_sweep(repo: Repository) -> None:
    asked = ask(repo, an_ended_job(repo))
    late = take(repo)

    class Failing(Store):
        def discard(self, key: str) -> None:
            raise StoreUnavailable("It is away.")

    repo.database.clock_offset += 61.0
    with pytest.raises(StoreUnavailable):
        repo.exports.take_back(Failing(), 2)
    store = Store()
    assert repo.exports.take_back(store, 2) == 1
    assert store.discarded == [late.object_key]
    assert status(repo, asked) is ExportStatus.QUEUED


def test_exports_go_with_their_time_or_their_job_and_their_objects_first(repo: Repository) -> None:
    old, store = ask(repo, an_ended_job(repo)), Store()
    made = take(repo)
    repo.exports.finish(made, 1, "", 2, 10.0)
    job_id = an_ended_job(repo)
    other = ask(repo, job_id)
    repo.database.clock_offset += 11.0

    with pytest.raises(ExportNotFound):
        repo.exports.get(DEFAULT_TENANT, old.id)
    assert [repo.exports.expire(9), repo.exports.expire(9)] == [1, 0]
    assert [repo.exports.remove(store), repo.exports.remove(store)] == [1, 0]
    assert store.discarded == [made.object_key]

    running = take(repo)
    repo.deletions.delete(DEFAULT_TENANT, job_id)
    with pytest.raises(ExportNotFound):
        repo.exports.known(other.id)
    assert not repo.exports.finish(running, 1, "", 2, SECONDS)
    assert repo.exports.remove(store) == 1
    assert store.discarded == [made.object_key, running.object_key]
