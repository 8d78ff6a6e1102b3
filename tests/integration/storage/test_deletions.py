"""Deleting jobs, while other jobs share their films and intake stores them anew."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from sqlalchemy import func, select

from lungline.domain import DEFAULT_TENANT, JobStatus
from lungline.errors import ItemNotFound, JobNotFound, StoreUnavailable, WrongState
from storage import purging
from storage.backups import BackupHold
from storage.deletions import KEPT_SECONDS
from storage.entries import NewEntry
from storage.items import NewItem
from storage.models import EntryRow, FilmRow, ItemRow, JobRow
from storage.repository import Repository
from tests.factories.rows import a_film, entries_of, must_claim, read_all, submit, submit_archive


class Store:
    """Which objects were deleted."""

    def __init__(self) -> None:
        self.deleted: list[str] = []

    def delete(self, key: str) -> None:
        self.deleted.append(key)

    def exists(self, key: str) -> bool:
        return key not in self.deleted


def a_read_job(repo: Repository, *seeds: str) -> str:
    """A job of films that have been read."""
    job = submit(repo, [NewItem(seed, a_film(seed)) for seed in seeds])
    read_all(repo)
    return job.id


def rows(repo: Repository, table: type[EntryRow | FilmRow | ItemRow | JobRow]) -> int:
    with repo.database.read() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def test_a_deleted_job_is_gone_at_once_and_its_rows_go_in_chunks(repo: Repository) -> None:
    job_id = a_read_job(repo, "a", "b", "c")
    item_id = repo.items.page(DEFAULT_TENANT, job_id, limit=1).items[0].id

    repo.deletions.delete(DEFAULT_TENANT, job_id)

    with pytest.raises(JobNotFound):
        repo.jobs.get(DEFAULT_TENANT, job_id)
    with pytest.raises(JobNotFound):
        repo.deletions.delete(DEFAULT_TENANT, job_id)
    with pytest.raises(ItemNotFound):
        repo.items.get(DEFAULT_TENANT, item_id)
    store = Store()
    assert [repo.deletions.rows(store, 2) for _ in range(3)] == [2, 1, 0]
    assert (rows(repo, ItemRow), rows(repo, JobRow)) == (0, 0)
    assert [repo.deletions.films(store, 2) for _ in range(3)] == [2, 1, 0]
    assert {a_film(seed).object_key for seed in "abc"} < set(store.deleted)
    assert repo.deletions.forget() == 0
    repo.database.clock_offset += KEPT_SECONDS + 1
    assert repo.deletions.forget() == 3
    assert rows(repo, FilmRow) == 0


@pytest.mark.parametrize("work", ["deletions", "retention"])
def test_a_slow_store_gets_little_to_do_in_one_transaction(
    repo: Repository, monkeypatch: pytest.MonkeyPatch, work: str
) -> None:
    job_id = a_read_job(repo, "a", "b", "c")
    if work == "deletions":
        repo.deletions.delete(DEFAULT_TENANT, job_id)
        repo.deletions.rows(Store(), 100)
    else:
        repo.database.clock_offset += 2 * 86_400.0
        assert repo.retention.mark(DEFAULT_TENANT, 1, 100).removed == 3
    purge = getattr(repo, work).films
    store = Store()
    monkeypatch.setattr(purging, "MOST_SECONDS", -1.0)
    films = {a_film(seed).object_key for seed in "abc"}

    for count in (1, 2, 3):
        purge(store)
        assert len(films & set(store.deleted)) == count

    deleted = len(store.deleted)
    purge(store)
    assert len(store.deleted) == deleted


def test_the_entries_of_an_archive_go_first(repo: Repository) -> None:
    job = submit_archive(repo)
    expansion = repo.expansions.claim("e", 60)
    assert expansion is not None
    entries = [*entries_of([NewItem("a", a_film("a"))]), *[NewEntry("x.csv", None)] * 3]
    repo.expansions.commit_slice(
        expansion.lease_id, job.id, entries=entries, cursor=4, entries_total=4
    )
    repo.expansions.finish(expansion.lease_id, job.id)
    read_all(repo)
    repo.deletions.delete(DEFAULT_TENANT, job.id)

    assert [repo.deletions.rows(Store(), 3) for _ in range(3)] == [3, 2, 0]

    assert [rows(repo, table) for table in (EntryRow, ItemRow, JobRow)] == [0, 0, 0]


def test_films_that_other_jobs_have_stay(repo: Repository) -> None:
    job_id = a_read_job(repo, "a", "b")
    other = a_read_job(repo, "b")
    repo.deletions.delete(DEFAULT_TENANT, job_id)
    store = Store()

    repo.deletions.rows(store)
    repo.deletions.films(store)

    assert a_film("a").object_key in store.deleted
    assert a_film("b").object_key not in store.deleted
    (item,) = repo.items.page(DEFAULT_TENANT, other, limit=2).items
    assert item.reused
    assert item.prediction is not None


def test_only_what_has_ended_is_deleted(repo: Repository) -> None:
    job = submit(repo, 2)
    with pytest.raises(WrongState, match="cancel it"):
        repo.deletions.delete(DEFAULT_TENANT, job.id)
    must_claim(repo, 1)
    repo.jobs.cancel(DEFAULT_TENANT, job.id)
    with pytest.raises(WrongState):
        repo.deletions.delete(DEFAULT_TENANT, job.id)
    with pytest.raises(JobNotFound):
        repo.deletions.delete("other", job.id)


def test_an_archive_goes_with_its_job_and_a_store_that_is_down_is_asked_again(
    repo: Repository,
) -> None:
    class Down(Store):
        def delete(self, key: str) -> None:
            raise StoreUnavailable("It is down.")

    job = submit_archive(repo)
    assert repo.jobs.cancel(DEFAULT_TENANT, job.id).status is JobStatus.CANCELLED
    repo.deletions.delete(DEFAULT_TENANT, job.id)

    with pytest.raises(StoreUnavailable):
        repo.deletions.rows(Down())
    assert rows(repo, JobRow) == 1
    store = Store()
    repo.deletions.rows(store)

    assert store.deleted == [job.archive_key]
    assert rows(repo, JobRow) == 0


def test_a_deleted_key_may_be_used_again(repo: Repository) -> None:
    first = submit(repo, 1, idempotency_key="k", request_hash="h")
    read_all(repo)
    repo.deletions.delete(DEFAULT_TENANT, first.id)

    assert submit(repo, 1, idempotency_key="k", request_hash="other").id != first.id


@pytest.mark.parametrize("purged", [False, True])
def test_intake_stores_a_film_again_that_was_being_deleted(repo: Repository, purged: bool) -> None:
    repo.deletions.delete(DEFAULT_TENANT, a_read_job(repo, "a"))
    store, again = Store(), list[str]()
    repo.deletions.rows(store)
    if purged:
        repo.deletions.films(store)
    items = [NewItem("a", a_film("a")), NewItem("b", a_film("b"))]

    with pytest.raises(StoreUnavailable, match="Send the request again"):
        submit(repo, items)
    submit(repo, items, restore=again.extend)

    assert again == [a_film("a").sha256]
    assert repo.deletions.films(store) == 0
    assert read_all(repo) == (2 if purged else 1)


def test_a_deletion_waits_for_the_intake_of_the_same_film(repo: Repository) -> None:
    """While intake stores a film again, its objects are not deleted; then it is in use."""
    repo.deletions.delete(DEFAULT_TENANT, a_read_job(repo, "a"))
    store, storing, go_on = Store(), Event(), Event()
    repo.deletions.rows(store)

    def restore(digests: Collection[str]) -> None:
        storing.set()
        assert go_on.wait(60)

    with ThreadPoolExecutor(2) as pool:
        intake = pool.submit(submit, repo, [NewItem("a", a_film("a"))], restore=restore)
        assert storing.wait(60)
        purge = pool.submit(repo.deletions.films, store)
        go_on.set()
        intake.result()
        purge.result()

    assert repo.deletions.films(store) == 0
    assert store.deleted == []


def test_films_that_no_job_came_to_have_go_and_others_stay(repo: Repository) -> None:
    a_read_job(repo, "owned")
    repo.deletions.delete(DEFAULT_TENANT, a_read_job(repo, "gone"))
    repo.deletions.rows(Store()), repo.deletions.films(Store())
    seeds = ("owned", "gone", *(f"new{number}" for number in range(60)))
    stored, other, store = [a_film(seed) for seed in seeds], a_film("x", "nobody-yet"), Store()

    repo.deletions.abandoned(store, DEFAULT_TENANT, {film.sha256 for film in stored})
    repo.deletions.abandoned(store, "nobody-yet", {other.sha256})

    # What was read of a film before has gone with it, masks too.
    films = sorted(key for key in store.deleted if "/films/" in key)
    assert films == sorted(film.object_key for film in (*stored[1:], other))
    assert repo.deletions.films(store) == 0
    submit(repo, [NewItem("new0", stored[2])], restore=lambda digests: None)
    assert read_all(repo) == 1


def test_such_films_wait_for_the_end_of_a_backup(repo: Repository) -> None:
    film, store = a_film("a"), Store()
    with BackupHold(repo.database):
        repo.deletions.abandoned(store, DEFAULT_TENANT, {film.sha256})
        assert store.deleted == []

    assert repo.deletions.films(store) == 1
    assert store.deleted == [film.object_key]


def test_a_film_that_another_intake_has_stored_too_is_stored_again(repo: Repository) -> None:
    removing, go_on, again = Event(), Event(), list[str]()

    class Slow(Store):
        def delete(self, key: str) -> None:
            removing.set()
            assert go_on.wait(60)
            super().delete(key)

    film, store = a_film("a"), Slow()
    with ThreadPoolExecutor(2) as pool:
        gone = pool.submit(repo.deletions.abandoned, store, DEFAULT_TENANT, {film.sha256})
        assert removing.wait(60)
        intake = pool.submit(submit, repo, [NewItem("a", film)], restore=again.extend)
        go_on.set()
        gone.result(), intake.result()

    assert again == [film.sha256]
    assert store.deleted == [film.object_key]
    assert repo.deletions.films(store) == 0
    assert read_all(repo) == 1
