"""What goes by its age: jobs, films without their findings, uploads, archives."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import select, update

from lungline.domain import DEFAULT_TENANT, ItemStatus, JobStatus
from lungline.errors import JobNotFound, StoreUnavailable, UploadNotFound
from storage import transitions
from storage.claims import Outcome
from storage.items import Item, NewItem
from storage.models import FilmRow, JobRow, PredictionRow
from storage.repository import Repository
from storage.retention import DAY, Kind, Step
from tests.factories.rows import (
    a_film,
    a_prediction,
    must_claim,
    read_all,
    submit,
    submit_archive,
)


class Store:
    """Which objects were deleted."""

    def __init__(self, *there: str) -> None:
        self.there, self.deleted = set(there), list[str]()

    def exists(self, key: str) -> bool:
        return key in self.there

    def delete(self, key: str) -> None:
        self.deleted.append(key)


def a_read_job(repo: Repository, *seeds: str) -> str:
    """A job of films that have been read."""
    job = submit(repo, [NewItem(seed, a_film(seed)) for seed in seeds])
    read_all(repo)
    return job.id


def drop(repo: Repository, store: Store | None = None, days: float = 1.0) -> tuple[Step, Step]:
    """Mark and purge."""
    marked = repo.retention.mark(DEFAULT_TENANT, days, 500)
    return marked, repo.retention.films(store or Store())


def items(repo: Repository, job_id: str) -> list[Item]:
    return list(repo.items.stream(DEFAULT_TENANT, job_id))


def stored_bytes(repo: Repository) -> int:
    return repo.quotas.allowance(DEFAULT_TENANT).used.stored_bytes


def predictions(repo: Repository) -> list[Any]:
    with repo.database.read() as connection:
        query = select(PredictionRow.mask_key, PredictionRow.dropped_at)
        return list(connection.execute(query))


def test_jobs_that_ended_long_ago_go_in_the_order_of_their_birth(repo: Repository) -> None:
    old = [a_read_job(repo, seed) for seed in "abc"]
    waiting = submit(repo, [NewItem("d", a_film("d"))]).id
    assert repo.retention.jobs(DEFAULT_TENANT, 1.0, 2) == Step(0, 0)
    repo.database.clock_offset += 2 * DAY

    assert repo.retention.jobs("another", 1.0, 2) == Step(0, 0)
    assert repo.retention.jobs(DEFAULT_TENANT, 3.0, 2) == Step(0, 0)
    assert repo.retention.jobs(DEFAULT_TENANT, 1.0, 2) == Step(2, 2)
    assert repo.jobs.get(DEFAULT_TENANT, old[2]).id == old[2]
    assert [repo.retention.jobs(DEFAULT_TENANT, 1.0, 2).removed for _ in range(2)] == [1, 0]

    for job_id in old:
        with pytest.raises(JobNotFound):
            repo.jobs.get(DEFAULT_TENANT, job_id)
    assert repo.jobs.get(DEFAULT_TENANT, waiting).status is JobStatus.RUNNING
    assert repo.retention.tenants() == [DEFAULT_TENANT]
    assert repo.retention.removed()[Kind.JOBS] == 3


def test_a_dropped_film_leaves_its_findings(repo: Repository) -> None:
    job_id = a_read_job(repo, "a", "b")
    assert drop(repo) == (Step(0, 0), Step(0, 0))
    repo.database.clock_offset += 2 * DAY
    store = Store()

    assert repo.retention.mark("another", 1.0, 500) == Step(0, 0)
    assert drop(repo, store, days=3.0) == (Step(0, 0), Step(0, 0))
    assert drop(repo, store) == (Step(2, 2), Step(2, 2))
    assert drop(repo, store) == (Step(0, 0), Step(0, 0))

    masks = {a_prediction().mask_key}
    assert set(store.deleted) == {a_film("a").object_key, a_film("b").object_key} | masks
    assert stored_bytes(repo) == 0
    for item in items(repo, job_id):
        assert item.film is not None
        assert item.film.dropped_at is not None
        assert item.prediction is not None
        assert item.prediction.top_label == "normal"
        assert item.prediction.mask_key is None
    assert repo.retention.removed() == {
        Kind.JOBS: 0,
        Kind.FILMS: 2,
        Kind.UPLOADS: 0,
        Kind.ARCHIVES: 0,
    }


def test_a_film_goes_as_old_as_its_last_item(repo: Repository) -> None:
    a_read_job(repo, "a")
    repo.database.clock_offset += 2 * DAY
    again = a_read_job(repo, "a")

    assert drop(repo) == (Step(1, 0), Step(0, 0)), "it was sent again just now"
    assert drop(repo) == (Step(0, 0), Step(0, 0)), "and is not looked at again"
    repo.database.clock_offset += 2 * DAY
    assert drop(repo) == (Step(1, 1), Step(1, 1))

    assert items(repo, again)[0].prediction is not None


@pytest.mark.parametrize("claimed", [False, True])
def test_what_waits_to_be_read_is_never_dropped(repo: Repository, claimed: bool) -> None:
    submit(repo, [NewItem("a", a_film("a"))])
    repo.database.clock_offset += 9 * DAY
    if claimed:
        must_claim(repo)

    assert drop(repo) == (Step(1, 0), Step(0, 0))


@pytest.mark.parametrize("purged", [False, True])
def test_a_film_that_is_sent_again_is_stored_and_read_again(repo: Repository, purged: bool) -> None:
    first = a_read_job(repo, "a")
    repo.database.clock_offset += 2 * DAY
    repo.retention.mark(DEFAULT_TENANT, 1.0, 500)
    if purged:
        repo.retention.films(Store())
    stored: list[str] = []

    job = submit(repo, [NewItem("a", a_film("a"))], restore=stored.extend)

    assert stored == [a_film("a").sha256]
    assert stored_bytes(repo) == a_film("a").size
    assert drop(repo) == (Step(0, 0), Step(0, 0))
    assert read_all(repo) == purged, "it lost its mask, so it is read again"
    (old,), (new,) = items(repo, first), items(repo, job.id)
    assert new.status is ItemStatus.SUCCEEDED
    assert old.prediction == new.prediction
    assert predictions(repo) == [(a_prediction().mask_key, None)]


def test_a_dropped_film_that_was_stored_for_no_job_is_dropped_again(repo: Repository) -> None:
    job_id, film = a_read_job(repo, "a"), a_film("a")
    repo.database.clock_offset += 2 * DAY
    drop(repo)
    store = Store()

    repo.deletions.abandoned(store, DEFAULT_TENANT, {film.sha256})
    repo.retention.films(store)

    assert film.object_key in store.deleted
    assert repo.retention.films(store) == Step(0, 0)
    (item,) = items(repo, job_id)
    assert item.prediction is not None


def test_what_is_read_again_keeps_its_first_findings(repo: Repository) -> None:
    a_read_job(repo, "a")
    repo.database.clock_offset += 2 * DAY
    drop(repo)
    job = submit(repo, [NewItem("a", a_film("a"))], restore=lambda digests: None)
    batch = must_claim(repo)

    other = [Outcome(item.id, a_prediction("viral_pneumonia")) for item in batch.items]
    repo.claims.finish(batch.lease_id, other)

    (item,) = items(repo, job.id)
    assert item.prediction is not None
    assert item.prediction.top_label == "normal"
    assert item.prediction.mask_key is not None


def test_a_retry_brings_a_film_to_its_reader_again(repo: Repository) -> None:
    """Before its objects went it is kept; afterwards its reader is told that it was dropped."""
    job = submit(repo, [NewItem("a", a_film("a"))])
    _fail(repo)
    repo.database.clock_offset += 2 * DAY
    repo.retention.mark(DEFAULT_TENANT, 1.0, 500)
    assert stored_bytes(repo) == 0

    repo.control.retry(DEFAULT_TENANT, job.id)
    store = Store(a_film("a").object_key)

    assert repo.retention.films(store) == Step(1, 0)
    assert store.deleted == []
    assert stored_bytes(repo) == a_film("a").size
    _fail(repo)
    repo.database.clock_offset += 2 * DAY
    assert drop(repo) == (Step(1, 1), Step(1, 1))
    repo.control.retry(DEFAULT_TENANT, job.id)
    (claimed,) = must_claim(repo).items
    assert claimed.film.dropped_at is not None


def test_a_purge_that_died_keeps_no_film_without_its_object(repo: Repository) -> None:
    job = submit(repo, [NewItem("a", a_film("a"))])
    _fail(repo)
    repo.database.clock_offset += 2 * DAY
    repo.retention.mark(DEFAULT_TENANT, 1.0, 500)

    class Killed(BaseException):
        pass

    class Dying(Store):
        def delete(self, key: str) -> None:
            super().delete(key)
            self.there.remove(key)
            raise Killed

    store = Dying(a_film("a").object_key)
    with pytest.raises(Killed):
        repo.retention.films(store)
    repo.control.retry(DEFAULT_TENANT, job.id)

    # What died is done again, and the reader is told why the film is not there.
    assert repo.retention.films(Store(*store.there)) == Step(1, 1)
    assert stored_bytes(repo) == 0
    (claimed,) = must_claim(repo).items
    assert claimed.film.dropped_at is not None
    # Sent again it is stored again.
    stored: list[str] = []
    submit(repo, [NewItem("a", a_film("a"))], restore=stored.extend)
    assert stored == [a_film("a").sha256]


def _fail(repo: Repository) -> None:
    batch = must_claim(repo)
    failed = [Outcome(item.id, None, ("internal_error", "It broke.")) for item in batch.items]
    repo.claims.finish(batch.lease_id, failed)


def test_a_dropped_film_goes_with_its_last_job_and_is_counted_once(repo: Repository) -> None:
    job_id = a_read_job(repo, "a")
    repo.database.clock_offset += 2 * DAY
    drop(repo)
    repo.deletions.delete(DEFAULT_TENANT, job_id)

    repo.deletions.rows(Store())
    assert stored_bytes(repo) == 0
    assert drop(repo) == (Step(0, 0), Step(0, 0))
    repo.deletions.films(Store())
    repo.database.clock_offset += 2 * DAY
    assert repo.deletions.forget() == 1

    assert predictions(repo) == []
    assert stored_bytes(repo) == 0


def test_a_store_that_is_down_is_asked_again(repo: Repository) -> None:
    class Down(Store):
        def delete(self, key: str) -> None:
            raise StoreUnavailable("It is down.")

    a_read_job(repo, "a")
    repo.database.clock_offset += 2 * DAY
    with pytest.raises(StoreUnavailable):
        drop(repo, Down())
    assert repo.retention.removed()[Kind.FILMS] == 0

    assert repo.retention.films(Store()) == Step(1, 1)


def test_films_that_came_before_the_column_are_looked_up(repo: Repository) -> None:
    a_read_job(repo, "a")
    with repo.database.write() as connection:
        connection.execute(update(FilmRow).values(used_at=0.0))

    assert drop(repo) == (Step(1, 0), Step(0, 0))
    assert drop(repo) == (Step(0, 0), Step(0, 0))


def test_old_uploads_go_unless_they_are_jobs(repo: Repository) -> None:
    fields = {"filename": "", "size": 1, "sha256": None, "part_size": 1, "most_held": 9}
    upload = repo.uploads.create(DEFAULT_TENANT, seconds=90 * DAY, **fields)
    repo.uploads.ready(upload.id, "token")
    repo.database.clock_offset += 2 * DAY

    assert repo.retention.uploads(DEFAULT_TENANT, 3.0, 10) == Step(0, 0)
    assert repo.retention.uploads("another", 1.0, 10) == Step(0, 0)
    assert repo.retention.uploads(DEFAULT_TENANT, 1.0, 10) == Step(1, 1)

    with pytest.raises(UploadNotFound):
        repo.uploads.get(DEFAULT_TENANT, upload.id)
    assert repo.retention.uploads(DEFAULT_TENANT, 1.0, 10) == Step(0, 0)
    assert repo.retention.removed()[Kind.UPLOADS] == 1


def test_kept_archives_go_before_their_jobs(repo: Repository) -> None:
    kept, other, waiting = (submit_archive(repo) for _ in range(3))
    for job in (kept, other):
        repo.jobs.cancel(DEFAULT_TENANT, job.id)
    repo.database.clock_offset += 2 * DAY
    store = Store()

    assert repo.retention.archives(DEFAULT_TENANT, 3.0, 10) == Step(0, 0)
    assert repo.retention.archives("another", 1.0, 10) == Step(0, 0)
    assert repo.expansions.remove_spent(store) == 0
    assert repo.retention.archives(DEFAULT_TENANT, 1.0, 10) == Step(2, 2)
    assert repo.retention.archives(DEFAULT_TENANT, 1.0, 10) == Step(0, 0)
    assert repo.expansions.remove_spent(store) == 2
    assert repo.retention.archives(DEFAULT_TENANT, 1.0, 10) == Step(0, 0)

    assert set(store.deleted) == {kept.archive_key, other.archive_key}
    with repo.database.read() as connection:
        keys = connection.execute(select(JobRow.archive_key)).scalars().all()
    assert [key for key in keys if key] == [waiting.archive_key]
    assert repo.retention.removed()[Kind.ARCHIVES] == 2


def test_a_retry_that_is_being_committed_keeps_its_archive(repo: Repository) -> None:
    job = submit_archive(repo)
    for _ in range(3):
        assert repo.expansions.claim("dying", 12)
        repo.database.clock_offset += 13.0
        repo.repairs.expired_expansions()
    repo.database.clock_offset += 2 * DAY

    with ThreadPoolExecutor(1) as pool:
        with repo.database.write() as connection:
            at = repo.database.time(connection)
            transitions.begin_retry(connection, at, DEFAULT_TENANT, job.id)
            step = pool.submit(repo.retention.archives, DEFAULT_TENANT, 1.0, 10)
            if not repo.database.is_sqlite:  # which has one writer at a time
                step.result()
        assert step.result() == Step(0, 0)

    assert repo.expansions.remove_spent(Store()) == 0
    assert repo.jobs.get(DEFAULT_TENANT, job.id).archive_key == job.archive_key
