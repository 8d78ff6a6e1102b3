"""Making, reading and cancelling jobs."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event

from lungline.domain import DEFAULT_TENANT, ItemStatus, JobStatus, Priority, new_id
from lungline.errors import IdempotencyConflict, JobNotFound, WrongState
from storage.items import NewItem
from storage.jobs import CHUNK_ROWS
from storage.repository import Repository
from tests.factories.rows import (
    BUNDLE,
    a_bad_film,
    a_film,
    claim,
    must_claim,
    read,
    read_all,
    some_films,
    submit,
    submit_archive,
)


def test_a_new_job_waits_with_its_films(repo: Repository) -> None:
    metadata = {"z": [1, None, "ä\x00"], "a": {"nested": True}}

    job = submit(repo, 3, name="my films", metadata=metadata, priority=Priority.BULK)

    found = repo.jobs.get(DEFAULT_TENANT, job.id)
    assert replace(found, read_at=job.read_at) == job
    assert (job.status, job.source, job.bundle) == (JobStatus.RUNNING, "films", BUNDLE)
    assert (job.total, job.queued, job.bytes) == (3, 3, 3_000)
    assert (job.name, job.priority) == ("my films", Priority.BULK)
    assert list(job.metadata.items()) == list(metadata.items())
    assert abs(job.created_at - time.time()) < 60
    assert job.started_at is job.first_claim_at is job.finished_at is None


def test_names_may_hold_anything(repo: Repository) -> None:
    name = "어린이 \U0001fac1 a\x00b \ud800 \\ ' \" % :x"

    job = submit(repo, [NewItem(name, a_film())], name=name)

    expected = "어린이 \U0001fac1 a\ufffdb \ufffd \\ ' \" % :x"
    assert job.name == expected
    assert repo.items.page(DEFAULT_TENANT, job.id, limit=1).items[0].name == expected


def test_a_refused_film_is_born_failed_and_the_others_are_read(repo: Repository) -> None:
    job = submit(repo, [*some_films(2), a_bad_film("no_pixels")])
    assert (job.queued, job.failed, job.status) == (2, 1, JobStatus.RUNNING)

    read_all(repo)

    job = repo.jobs.get(DEFAULT_TENANT, job.id)
    assert (job.status, job.succeeded) == (JobStatus.COMPLETED_WITH_ERRORS, 2)
    bad = repo.items.page(DEFAULT_TENANT, job.id, limit=9, status=ItemStatus.FAILED).items
    assert [(item.error_code, item.attempt, item.film) for item in bad] == [("no_pixels", 0, None)]


def test_a_job_of_refused_films_only_has_failed_at_once(repo: Repository) -> None:
    job = submit(repo, [a_bad_film(), a_bad_film()])

    assert (job.status, job.failed) == (JobStatus.FAILED, 2)
    assert job.finished_at is not None


def test_a_film_read_before_is_answered_from_its_prediction(repo: Repository) -> None:
    films = some_films(3)
    submit(repo, films)
    read_all(repo)

    again = submit(repo, films)

    assert (again.status, again.succeeded, again.reused) == (JobStatus.SUCCEEDED, 3, 3)
    items = repo.items.page(DEFAULT_TENANT, again.id, limit=9).items
    assert all(item.reused and item.attempt == 0 and item.prediction for item in items)
    other = submit(repo, films, bundle="another@1")
    assert (other.queued, other.reused) == (3, 0)


def test_equal_films_in_one_job_are_one_film(repo: Repository) -> None:
    film = a_film()

    job = submit(repo, [NewItem("a", film), NewItem("b", film)])

    first, second = repo.items.page(DEFAULT_TENANT, job.id, limit=9).items
    assert first.film == second.film
    assert read_all(repo) == 2
    assert repo.jobs.get(DEFAULT_TENANT, job.id).status is JobStatus.SUCCEEDED


def test_a_tenant_sees_only_its_own(repo: Repository) -> None:
    job = submit(repo, 1, tenant="somebody")

    for look in (repo.jobs.get, repo.jobs.cancel):
        with pytest.raises(JobNotFound, match=job.id):
            look(DEFAULT_TENANT, job.id)
    assert repo.jobs.page(DEFAULT_TENANT, limit=9).items == []


@pytest.mark.parametrize("strange", ["", "nothing", "\x00", "\ud800", "x" * 10_000])
def test_an_unknown_id_is_not_found(repo: Repository, strange: str) -> None:
    with pytest.raises(JobNotFound):
        repo.jobs.get(DEFAULT_TENANT, strange)


def test_an_idempotency_key_gives_the_same_job(repo: Repository) -> None:
    job = submit(repo, 1, idempotency_key="k", request_hash="h")

    values = {"name": "", "metadata": {}, "bundle": BUNDLE, "priority": Priority.NORMAL}
    again = repo.jobs.create_with_films(
        DEFAULT_TENANT,
        **values,
        job_id=new_id(),
        idempotency_key="k",
        request_hash="h",
        items=some_films(1),
    )

    assert again.replayed
    assert again.job.id == job.id
    assert repo.jobs.by_idempotency_key(DEFAULT_TENANT, "other") is None
    found = repo.jobs.by_idempotency_key(DEFAULT_TENANT, "k")
    assert found is not None
    assert found.id == job.id
    assert submit(repo, 1, tenant="somebody", idempotency_key="k", request_hash="x").id != job.id


def test_an_idempotency_key_with_another_body_is_a_conflict(repo: Repository) -> None:
    submit(repo, 1, idempotency_key="k", request_hash="h")

    with pytest.raises(IdempotencyConflict, match="new key"):
        submit_archive(repo, idempotency_key="k", request_hash="other")


def test_requests_that_race_with_one_key_make_one_job(repo: Repository) -> None:
    for round_ in range(5):
        films = some_films(20)

        def send(_: int, films: list[NewItem] = films, key: str = f"key-{round_}") -> str:
            return submit(repo, films, idempotency_key=key, request_hash="h").id

        with ThreadPoolExecutor(6) as pool:
            assert len(set(pool.map(send, range(6)))) == 1

    assert len(repo.jobs.page(DEFAULT_TENANT, limit=50).items) == 5


def test_the_key_of_a_race_lost_to_another_body_is_a_conflict(repo: Repository) -> None:
    def send(number: int) -> str:
        try:
            submit(repo, 5, idempotency_key="k", request_hash=str(number))
        except IdempotencyConflict:
            return "conflict"
        return "made"

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(send, range(4))) == ["conflict"] * 3 + ["made"]


def test_requests_that_race_with_the_same_new_films_share_them(repo: Repository) -> None:
    films = some_films(50)
    orders = [films, films[::-1], films[25:] + films[:25], films]

    with ThreadPoolExecutor(4) as pool:
        jobs = list(pool.map(lambda items: submit(repo, items), orders))

    used = [
        {item.film.id for item in repo.items.stream(DEFAULT_TENANT, job.id) if item.film}
        for job in jobs
    ]
    assert len(used[0]) == 50
    assert all(ids == used[0] for ids in used)


def test_pages_of_jobs_are_newest_first(repo: Repository) -> None:
    ids = [submit(repo, 1, job_id=f"{number:032x}").id for number in range(5)]

    seen, cursor = [], None
    while True:
        page = repo.jobs.page(DEFAULT_TENANT, limit=2, cursor=cursor)
        seen += [job.id for job in page.items]
        if (cursor := page.next_cursor) is None:
            break

    assert seen == ids[::-1]
    assert repo.jobs.page(DEFAULT_TENANT, limit=5).next_cursor is None
    assert repo.jobs.page(DEFAULT_TENANT, limit=5, status=JobStatus.FAILED).items == []


def test_cancel_stops_what_waits_and_lets_what_runs_end(repo: Repository) -> None:
    job = submit(repo, 10)
    batch = must_claim(repo, 4)

    cancelled = repo.jobs.cancel(DEFAULT_TENANT, job.id)

    assert cancelled.status is JobStatus.CANCELLING
    assert (cancelled.cancelled, cancelled.running) == (6, 4)
    assert claim(repo) is None
    assert repo.claims.finish(batch.lease_id, read(batch)) == 4
    done = repo.jobs.get(DEFAULT_TENANT, job.id)
    assert (done.status, done.succeeded) == (JobStatus.CANCELLED, 4)
    assert repo.jobs.cancel(DEFAULT_TENANT, job.id).status is JobStatus.CANCELLED


def test_cancel_of_a_finished_job_is_refused(repo: Repository) -> None:
    job = submit(repo, 1)
    read_all(repo)

    with pytest.raises(WrongState, match="succeeded"):
        repo.jobs.cancel(DEFAULT_TENANT, job.id)


def test_cancel_of_a_large_job_is_ended_by_the_sweep(repo: Repository) -> None:
    job = submit(repo, 2 * CHUNK_ROWS + 10)

    first = repo.jobs.cancel(DEFAULT_TENANT, job.id)

    assert (first.status, first.cancelled) == (JobStatus.CANCELLING, CHUNK_ROWS)
    assert claim(repo) is None
    assert [repo.repairs.cancelling() for _ in range(3)] == [CHUNK_ROWS, 10, 0]
    assert repo.jobs.get(DEFAULT_TENANT, job.id).status is JobStatus.CANCELLED


def test_queued_films_counts_what_a_claim_could_take(repo: Repository) -> None:
    submit(repo, 5)
    cancelled = submit(repo, 7)
    repo.jobs.cancel(DEFAULT_TENANT, cancelled.id)
    submit_archive(repo)

    assert (repo.jobs.queued_films(), repo.expansions.waiting()) == (5, 1)


def test_events_tell_the_life_of_a_job(repo: Repository) -> None:
    job = submit(repo, 1)
    read_all(repo)
    other = submit(repo, 1)
    repo.jobs.cancel(DEFAULT_TENANT, other.id)

    events = repo.events.after(DEFAULT_TENANT, job.id)
    few = repo.events.after(DEFAULT_TENANT, job.id, known=1, limit=1)
    told = [event.type for event in repo.events.after(DEFAULT_TENANT, other.id)]

    assert [event.type for event in events] == ["job.created", "job.running", "job.finished"]
    assert told == ["job.created", "job.running", "job.cancelling", "job.cancelled"]
    assert [event.number for event in events] == [1, 2, 3]
    assert few == events[1:2]
    assert repo.events.after(DEFAULT_TENANT, job.id, known=2) == events[2:]
    assert repo.events.after(DEFAULT_TENANT, job.id, known=3) == []


def test_a_thousand_films_cost_hardly_more_statements_than_ten(repo: Repository) -> None:
    few, many = some_films(10), some_films(1_000)

    for_few = statements(repo, lambda: submit(repo, few))
    for_many = statements(repo, lambda: submit(repo, many))

    assert for_many <= for_few + 5
    assert repo.jobs.queued_films() == 1_010


def statements(repo: Repository, work: Callable[[], object]) -> int:
    """Count the statements that go to the database while `work` runs."""
    seen: list[str] = []

    def count(*arguments: Any) -> None:
        seen.append(arguments[2])

    event.listen(repo.database.engine, "before_cursor_execute", count)
    try:
        work()
    finally:
        event.remove(repo.database.engine, "before_cursor_execute", count)
    return len(seen)
