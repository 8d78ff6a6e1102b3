"""Expanding archives, slice by slice."""

from __future__ import annotations

import pytest

from lungline.domain import DEFAULT_TENANT, JobStatus
from storage.expansions import Expansion
from storage.repository import Repository
from tests.factories.rows import (
    BUNDLE,
    a_bad_film,
    claim,
    entries_of,
    must_claim,
    read,
    read_all,
    some_films,
    submit_archive,
)

LEASE = 12.0


def must_expand(repo: Repository) -> Expansion:
    expansion = repo.expansions.claim("expander-1", LEASE)
    assert expansion is not None
    return expansion


def commit(repo: Repository, expansion: Expansion, cursor: int, films: int = 4) -> bool:
    return repo.expansions.commit_slice(
        expansion.lease_id,
        expansion.job_id,
        entries=entries_of(some_films(films)),
        cursor=cursor,
        entries_total=100,
    )


def test_an_archive_is_claimed_once(repo: Repository) -> None:
    job = submit_archive(repo)

    expansion = must_expand(repo)

    assert (expansion.job_id, expansion.bundle, expansion.cursor) == (job.id, BUNDLE, 0)
    assert (expansion.archive_key, expansion.archive_size) == (job.archive_key, 12_345)
    assert repo.expansions.claim("expander-2", LEASE) is None
    assert repo.expansions.waiting() == 0
    assert repo.jobs.get(DEFAULT_TENANT, job.id).started_at is not None


def test_an_archive_is_left_aside_for_a_while(repo: Repository) -> None:
    bad, good = submit_archive(repo), submit_archive(repo)
    expansion = must_expand(repo)
    assert expansion.job_id == bad.id

    assert repo.expansions.hand_back(expansion.lease_id, 10.0)

    assert repo.expansions.waiting() == 1
    assert must_expand(repo).job_id == good.id
    assert repo.expansions.claim("expander-2", LEASE) is None
    repo.database.clock_offset += 11.0
    assert repo.expansions.waiting() == 1
    assert must_expand(repo).job_id == bad.id


def test_several_expanders_work_at_several_archives_at_once(repo: Repository) -> None:
    jobs = [submit_archive(repo) for _ in range(3)]

    held = [repo.expansions.claim(f"expander-{number}", LEASE) for number in range(3)]
    expansions = [expansion for expansion in held if expansion is not None]
    for cursor in (2, 4):
        assert all(commit(repo, expansion, cursor, films=2) for expansion in expansions)
    assert all(repo.expansions.finish(each.lease_id, each.job_id) for each in expansions)

    assert {each.job_id for each in expansions} == {job.id for job in jobs}
    assert [repo.jobs.get(DEFAULT_TENANT, job.id).total for job in jobs] == [4, 4, 4]


def test_films_are_read_while_the_archive_expands(repo: Repository) -> None:
    job = submit_archive(repo)
    expansion = must_expand(repo)
    assert commit(repo, expansion, 5)

    batch = must_claim(repo)
    repo.claims.finish(batch.lease_id, read(batch))
    between = repo.jobs.get(DEFAULT_TENANT, job.id)
    assert commit(repo, expansion, 10)
    assert repo.expansions.finish(expansion.lease_id, job.id)
    read_all(repo)

    assert (between.status, between.succeeded) == (JobStatus.EXPANDING, 4)
    assert (between.entries_seen, between.entries_total) == (5, 100)
    done = repo.jobs.get(DEFAULT_TENANT, job.id)
    assert (done.status, done.total, done.entries_seen) == (JobStatus.SUCCEEDED, 8, 10)
    assert [item.seq for item in repo.items.stream(DEFAULT_TENANT, job.id)] == list(range(8))
    told = [event.type for event in repo.events.after(DEFAULT_TENANT, job.id)]
    assert told == ["job.created", "job.expanding", "job.running", "job.finished"]


def test_the_end_of_the_expansion_ends_a_job_that_is_read_already(repo: Repository) -> None:
    job = submit_archive(repo)
    expansion = must_expand(repo)
    commit(repo, expansion, 5)
    read_all(repo)

    repo.expansions.finish(expansion.lease_id, job.id)

    assert repo.jobs.get(DEFAULT_TENANT, job.id).status is JobStatus.SUCCEEDED


def test_an_unreadable_archive_fails_the_job(repo: Repository) -> None:
    job = submit_archive(repo)
    expansion = must_expand(repo)

    error = ("archive_unreadable", "The archive is cut off.")
    assert repo.expansions.finish(expansion.lease_id, job.id, error)

    done = repo.jobs.get(DEFAULT_TENANT, job.id)
    assert (done.status, done.error_code, done.error_reason) == (JobStatus.FAILED, *error)


def test_films_before_the_fault_of_an_archive_are_read(repo: Repository) -> None:
    job = submit_archive(repo)
    expansion = must_expand(repo)
    commit(repo, expansion, 5)
    repo.expansions.finish(expansion.lease_id, job.id, ("archive_too_large", "Too large."))

    read_all(repo)

    done = repo.jobs.get(DEFAULT_TENANT, job.id)
    assert (done.status, done.succeeded) == (JobStatus.COMPLETED_WITH_ERRORS, 4)
    assert done.error_code == "archive_too_large"


def test_an_archive_without_films_fails_the_job(repo: Repository) -> None:
    job = submit_archive(repo)
    expansion = must_expand(repo)

    repo.expansions.finish(expansion.lease_id, job.id)

    done = repo.jobs.get(DEFAULT_TENANT, job.id)
    assert (done.status, done.error_code) == (JobStatus.FAILED, "archive_empty")


def test_an_archive_of_refused_films_fails_the_job(repo: Repository) -> None:
    job = submit_archive(repo)
    expansion = must_expand(repo)
    repo.expansions.commit_slice(
        expansion.lease_id, job.id, entries=entries_of([a_bad_film()]), cursor=1, entries_total=1
    )

    repo.expansions.finish(expansion.lease_id, job.id)

    done = repo.jobs.get(DEFAULT_TENANT, job.id)
    assert (done.status, done.failed, done.error_code) == (JobStatus.FAILED, 1, None)


def test_a_handed_back_archive_goes_on_after_its_cursor(repo: Repository) -> None:
    submit_archive(repo)
    first = must_expand(repo)
    commit(repo, first, 5)

    assert repo.expansions.hand_back(first.lease_id)

    second = must_expand(repo)
    assert (second.cursor, second.attempts) == (5, 0)
    assert not repo.expansions.hand_back(first.lease_id)
    assert commit(repo, second, 10)


def test_a_lost_expander_writes_nothing(repo: Repository) -> None:
    job = submit_archive(repo)
    lost = must_expand(repo)
    repo.database.clock_offset += LEASE + 1
    assert repo.repairs.expired_expansions(3) == 1
    held = must_expand(repo)

    assert not repo.expansions.renew(lost.lease_id, LEASE)
    assert not commit(repo, lost, 5)
    assert not repo.expansions.finish(lost.lease_id, job.id)

    assert held.attempts == 1
    assert commit(repo, held, 5)
    assert repo.jobs.get(DEFAULT_TENANT, job.id).total == 4


def test_renewal_keeps_the_lease(repo: Repository) -> None:
    submit_archive(repo)
    expansion = must_expand(repo)
    for _ in range(3):
        repo.database.clock_offset += 8
        assert repo.expansions.renew(expansion.lease_id, LEASE)
        assert repo.repairs.expired_expansions(3) == 0


def test_an_archive_without_progress_is_given_up(repo: Repository) -> None:
    job = submit_archive(repo)
    for _ in range(3):
        must_expand(repo)
        repo.database.clock_offset += LEASE + 1
        assert repo.repairs.expired_expansions(3) == 1

    done = repo.jobs.get(DEFAULT_TENANT, job.id)
    assert (done.status, done.error_code) == (JobStatus.FAILED, "attempts_exhausted")
    assert repo.expansions.claim("expander-1", LEASE) is None


def test_progress_forgives_earlier_deaths(repo: Repository) -> None:
    submit_archive(repo)
    for cursor in range(4, 24, 4):
        expansion = must_expand(repo)
        assert commit(repo, expansion, cursor)
        repo.database.clock_offset += LEASE + 1
        repo.repairs.expired_expansions(2)

    assert must_expand(repo).cursor == 20


def test_cancel_stops_an_expansion(repo: Repository) -> None:
    job = submit_archive(repo)
    expansion = must_expand(repo)
    commit(repo, expansion, 5)

    cancelled = repo.jobs.cancel(DEFAULT_TENANT, job.id)

    assert (cancelled.status, cancelled.cancelled) == (JobStatus.CANCELLED, 4)
    assert not repo.expansions.renew(expansion.lease_id, LEASE)
    assert not commit(repo, expansion, 10)
    assert not repo.expansions.finish(expansion.lease_id, job.id)
    assert claim(repo) is None


class Gone:
    """A store that tells what was deleted."""

    def __init__(self) -> None:
        self.keys: list[str] = []

    def delete(self, key: str) -> None:
        self.keys.append(key)


@pytest.mark.parametrize("keep", [False, True])
def test_an_archive_that_nobody_will_expand_any_more_goes(repo: Repository, keep: bool) -> None:
    given_up = submit_archive(repo)
    for _ in range(3):
        must_expand(repo)
        repo.database.clock_offset += LEASE + 1
        repo.repairs.expired_expansions(3)
    expanding, expired = submit_archive(repo), submit_archive(repo, expires_in=600.0)
    assert repo.jobs.get(DEFAULT_TENANT, given_up.id).status is JobStatus.FAILED
    repo.jobs.cancel(DEFAULT_TENANT, expanding.id, keep=keep)
    repo.database.clock_offset += 600.0
    assert repo.repairs.expired_jobs(keep=keep) == 1

    store = Gone()
    assert repo.expansions.remove_spent(store) == (0 if keep else 2)

    # That of the given-up job stays for a retry.
    gone = set() if keep else {expanding.archive_key, expired.archive_key}
    assert set(store.keys) == gone
    assert repo.expansions.remove_spent(store) == 0


def test_a_kept_archive_that_was_expanded_stays_when_its_job_is_cancelled(
    repo: Repository,
) -> None:
    job = submit_archive(repo)
    expansion = must_expand(repo)
    commit(repo, expansion, 5)
    repo.expansions.finish(expansion.lease_id, job.id, keep=True)
    repo.jobs.cancel(DEFAULT_TENANT, job.id, keep=False)

    assert repo.expansions.remove_spent(Gone()) == 0


def test_urgent_archives_first(repo: Repository) -> None:
    submit_archive(repo, priority=20)
    urgent = submit_archive(repo, priority=0)

    assert must_expand(repo).job_id == urgent.id
