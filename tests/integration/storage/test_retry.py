"""Reading failed films again, and giving up what waits too long."""

from __future__ import annotations

from typing import Any

import pytest

from lungline.domain import DEFAULT_TENANT, ItemStatus, JobStatus
from lungline.errors import JobNotFound, NothingToRetry, WrongState
from storage.claims import Outcome
from storage.events import EventType
from storage.items import Item
from storage.repository import Repository
from tests.factories.rows import (
    a_bad_film,
    claim,
    entries_of,
    must_claim,
    read,
    read_all,
    some_films,
    submit,
    submit_archive,
)


def fail_all(repo: Repository, code: str = "undecodable") -> int:
    """Let every queued film fail."""
    count = 0
    while (batch := claim(repo)) is not None:
        outcomes = [Outcome(item.id, None, (code, "It is damaged.")) for item in batch.items]
        count += repo.claims.finish(batch.lease_id, outcomes)
    return count


def items_of(repo: Repository, job_id: str) -> list[Item]:
    return list(repo.items.stream(DEFAULT_TENANT, job_id))


def test_failed_films_are_read_again_and_their_failures_stay_known(repo: Repository) -> None:
    job = submit(repo, [*some_films(2), a_bad_film()])
    fail_all(repo)

    retry = repo.control.retry(DEFAULT_TENANT, job.id)

    assert (retry.retried, retry.refused) == (2, 1)
    assert (retry.job.status, retry.job.queued) == (JobStatus.RUNNING, 2)
    assert retry.job.finished_at is None
    fail_all(repo, "internal_error")
    assert repo.control.retry(DEFAULT_TENANT, job.id).retried == 2
    assert read_all(repo) == 2
    ended = repo.jobs.get(DEFAULT_TENANT, job.id)
    assert (ended.status, ended.succeeded, ended.failed) == (JobStatus.COMPLETED_WITH_ERRORS, 2, 1)
    first = items_of(repo, job.id)[0]
    assert (first.status, first.attempt, first.error_code) == (ItemStatus.SUCCEEDED, 3, None)
    failures = repo.items.failures(DEFAULT_TENANT, first.id)
    assert [(failure.attempt, failure.error_code) for failure in failures] == [
        (1, "undecodable"),
        (2, "internal_error"),
    ]
    kinds = [event.type for event in repo.events.after(DEFAULT_TENANT, job.id)]
    assert kinds.count(EventType.RETRIED) == 2


def test_a_large_job_goes_back_in_chunks_and_does_not_end_between_them(repo: Repository) -> None:
    job = submit(repo, 7)
    fail_all(repo)

    assert repo.control.retry(DEFAULT_TENANT, job.id, limit=2).retried == 7

    assert read_all(repo) == 2
    between = repo.jobs.get(DEFAULT_TENANT, job.id)
    assert (between.status, between.succeeded, between.failed) == (JobStatus.RUNNING, 2, 5)
    assert repo.repairs.finishable() == 0
    assert [repo.repairs.retried(limit=3) for _ in range(3)] == [3, 2, 0]
    assert read_all(repo) == 5
    assert repo.jobs.get(DEFAULT_TENANT, job.id).status is JobStatus.SUCCEEDED


def test_what_fails_in_the_retry_is_not_retried_by_the_same_retry(repo: Repository) -> None:
    job = submit(repo, 4)
    fail_all(repo)
    repo.control.retry(DEFAULT_TENANT, job.id, limit=2)
    repo.database.clock_offset += 1.0
    assert fail_all(repo) == 2

    assert repo.repairs.retried() == 2
    assert repo.repairs.retried() == 0

    assert read_all(repo) == 2
    ended = repo.jobs.get(DEFAULT_TENANT, job.id)
    assert (ended.status, ended.failed) == (JobStatus.COMPLETED_WITH_ERRORS, 2)


def test_a_retried_job_that_is_cancelled_leaves_the_rest_failed(repo: Repository) -> None:
    job = submit(repo, 5)
    fail_all(repo)
    repo.control.retry(DEFAULT_TENANT, job.id, limit=2)

    cancelled = repo.jobs.cancel(DEFAULT_TENANT, job.id)

    assert (cancelled.status, cancelled.cancelled) == (JobStatus.CANCELLED, 2)
    assert cancelled.failed == 3
    assert repo.repairs.retried() == 0


def test_a_film_that_killed_its_reader_gets_all_its_attempts_again(repo: Repository) -> None:
    repo = Repository(repo.database, max_attempts=2)
    job = submit(repo, 1)

    def die() -> None:
        must_claim(repo)
        repo.claims.hand_back_worker("worker-1")

    for _ in range(3):  # the first death is not counted: it may have been another film
        die()
    assert items_of(repo, job.id)[0].error_code == "attempts_exhausted"

    repo.control.retry(DEFAULT_TENANT, job.id)
    die()
    assert items_of(repo, job.id)[0].status is ItemStatus.QUEUED
    die()
    last = items_of(repo, job.id)[0]
    assert (last.status, last.attempt) == (ItemStatus.FAILED, 4)


def give_up(repo: Repository) -> None:
    """Let expanders die until their archive is given up."""
    for _ in range(3):
        assert repo.expansions.claim("dying", 12) is not None
        repo.database.clock_offset += 13.0
        assert repo.repairs.expired_expansions() == 1


def test_an_archive_that_was_given_up_is_expanded_from_where_it_was_left(repo: Repository) -> None:
    job = submit_archive(repo, expires_in=3_600)
    expansion = repo.expansions.claim("e1", 12)
    assert expansion is not None
    first = entries_of(some_films(2))
    assert repo.expansions.commit_slice(
        expansion.lease_id, job.id, entries=first, cursor=2, entries_total=4
    )
    repo.expansions.hand_back(expansion.lease_id)
    give_up(repo)
    assert fail_all(repo) == 2
    given_up = repo.jobs.get(DEFAULT_TENANT, job.id)
    assert (given_up.status, given_up.error_code) == (JobStatus.FAILED, "attempts_exhausted")

    retry = repo.control.retry(DEFAULT_TENANT, job.id, limit=1)

    assert (retry.retried, retry.refused) == (2, 0)
    assert (retry.job.status, retry.job.error_code) == (JobStatus.EXPANDING, None)
    assert retry.job.finished_at is None
    assert repo.repairs.expired_jobs() == 0
    assert repo.repairs.retried() == 1
    assert read_all(repo) == 2
    again = repo.expansions.claim("e2", 12)
    assert again is not None
    assert (again.job_id, again.cursor, again.attempts) == (job.id, 2, 0)
    assert again.archive_key == expansion.archive_key
    rest = entries_of(some_films(2))
    assert repo.expansions.commit_slice(
        again.lease_id, job.id, entries=rest, cursor=4, entries_total=4
    )
    assert repo.expansions.finish(again.lease_id, job.id, keep=False)
    assert read_all(repo) == 2
    ended = repo.jobs.get(DEFAULT_TENANT, job.id)
    assert (ended.status, ended.succeeded) == (JobStatus.SUCCEEDED, 4)
    assert repo.repairs.check_counters() == []


def test_an_archive_that_was_given_up_before_its_first_film_is_begun_again(
    repo: Repository,
) -> None:
    job = submit_archive(repo)
    give_up(repo)
    assert repo.jobs.get(DEFAULT_TENANT, job.id).status is JobStatus.FAILED

    retry = repo.control.retry(DEFAULT_TENANT, job.id)

    assert (retry.retried, retry.job.status) == (0, JobStatus.EXPANDING)
    give_up(repo)  # after all attempts again
    assert repo.jobs.get(DEFAULT_TENANT, job.id).status is JobStatus.FAILED


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"manifest": ("t/uploads/manifest", 9)},
        {"archive_key": None, "prefix": "ward/", "manifest": ("t/uploads/manifest", 9)},
    ],
)
def test_an_archive_or_manifest_that_goes_is_not_expanded_further(
    repo: Repository, fields: dict[str, Any]
) -> None:
    job = submit_archive(repo, **fields)
    give_up(repo)
    repo.database.clock_offset += 30 * 86_400.0

    class Store:
        def delete(self, key: str) -> None:
            pass

    assert repo.retention.archives(DEFAULT_TENANT, 7, 10).removed == 1
    with pytest.raises(NothingToRetry):
        repo.control.retry(DEFAULT_TENANT, job.id)
    assert repo.expansions.remove_spent(Store()) == 1
    with pytest.raises(NothingToRetry):
        repo.control.retry(DEFAULT_TENANT, job.id)
    assert repo.jobs.get(DEFAULT_TENANT, job.id).error_code == "attempts_exhausted"


def test_a_folder_that_was_given_up_is_there_as_long_as_its_job(repo: Repository) -> None:
    job = submit_archive(repo, archive_key=None, prefix="ward/")
    give_up(repo)
    repo.database.clock_offset += 30 * 86_400.0

    assert repo.retention.archives(DEFAULT_TENANT, 7, 10).removed == 0

    assert repo.control.retry(DEFAULT_TENANT, job.id).job.status is JobStatus.EXPANDING


def test_a_retry_that_expands_further_can_be_cancelled(repo: Repository) -> None:
    job = submit_archive(repo)
    give_up(repo)
    repo.control.retry(DEFAULT_TENANT, job.id)

    assert repo.jobs.cancel(DEFAULT_TENANT, job.id).status is JobStatus.CANCELLED


def test_what_cannot_be_retried_stays_as_it_is(repo: Repository) -> None:
    refused = submit(repo, [a_bad_film()])
    with pytest.raises(NothingToRetry, match="Send better ones"):
        repo.control.retry(DEFAULT_TENANT, refused.id)
    assert repo.jobs.get(DEFAULT_TENANT, refused.id).status is JobStatus.FAILED
    good = submit(repo, 1)
    with pytest.raises(WrongState, match="The job is running"):
        repo.control.retry(DEFAULT_TENANT, good.id)
    read_all(repo)
    with pytest.raises(WrongState, match="The job is succeeded"):
        repo.control.retry(DEFAULT_TENANT, good.id)
    with pytest.raises(JobNotFound):
        repo.control.retry("other", refused.id)


def test_a_job_expires_with_what_still_waits(repo: Repository) -> None:
    job = submit(repo, 5, expires_in=60)
    batch = must_claim(repo, 2)
    assert repo.repairs.expired_jobs() == 0
    repo.database.clock_offset += 61.0

    assert repo.repairs.expired_jobs() == 1
    assert claim(repo) is None
    assert repo.repairs.cancelling() == 3
    assert repo.claims.finish(batch.lease_id, read(batch)) == 2

    ended = repo.jobs.get(DEFAULT_TENANT, job.id)
    assert (ended.status, ended.succeeded, ended.cancelled) == (JobStatus.EXPIRED, 2, 3)
    assert len(items_of(repo, job.id)) == 5
    assert repo.events.after(DEFAULT_TENANT, job.id)[-1].type is EventType.EXPIRED
    assert repo.repairs.expired_jobs() == 0


def test_archives_and_paused_jobs_expire_too(repo: Repository) -> None:
    archive = submit_archive(repo, expires_in=60)
    expansion = repo.expansions.claim("e1", 12)
    assert expansion is not None
    paused = submit(repo, 2, expires_in=60)
    repo.control.pause(DEFAULT_TENANT, paused.id)
    repo.database.clock_offset += 61.0

    assert repo.repairs.expired_jobs() == 2
    repo.repairs.cancelling()

    assert not repo.expansions.finish(expansion.lease_id, archive.id)
    for job in (archive, paused):
        assert repo.jobs.get(DEFAULT_TENANT, job.id).status is JobStatus.EXPIRED


def test_a_cancelled_job_does_not_expire(repo: Repository) -> None:
    job = submit(repo, 2, expires_in=60)
    must_claim(repo, 1)
    repo.jobs.cancel(DEFAULT_TENANT, job.id)
    repo.database.clock_offset += 200.0

    assert repo.repairs.expired_jobs() == 0
    repo.repairs.expired_leases()
    repo.repairs.cancelling()

    assert repo.jobs.get(DEFAULT_TENANT, job.id).status is JobStatus.CANCELLED


def test_a_retried_job_no_longer_expires(repo: Repository) -> None:
    job = submit(repo, 1, expires_in=60)
    fail_all(repo)
    repo.control.retry(DEFAULT_TENANT, job.id)
    repo.database.clock_offset += 61.0

    assert repo.repairs.expired_jobs() == 0
    assert read_all(repo) == 1
