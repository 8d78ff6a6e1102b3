"""Pausing, resuming and changing jobs."""

from __future__ import annotations

from collections import Counter

import pytest

from lungline.domain import DEFAULT_TENANT, JobStatus, Priority
from lungline.errors import JobNotFound, WrongState
from storage.events import EventType
from storage.repository import Repository
from tests.factories.rows import (
    claim,
    entries_of,
    must_claim,
    read,
    read_all,
    some_films,
    submit,
    submit_archive,
)


def takes(repo: Repository, claims: int) -> Counter[str]:
    """Claim a film again and again; count the films of each job."""
    taken: Counter[str] = Counter()
    for _ in range(claims):
        batch = must_claim(repo, 1)
        taken.update(item.job_id for item in batch.items)
        repo.claims.finish(batch.lease_id, read(batch))
    return taken


def test_a_paused_job_gives_no_films_and_finishes_what_is_being_read(repo: Repository) -> None:
    job = submit(repo, 5)
    batch = must_claim(repo, 2)

    paused = repo.control.pause(DEFAULT_TENANT, job.id)

    assert paused.paused
    assert claim(repo) is None
    assert repo.jobs.queued_films() == 0
    assert repo.claims.finish(batch.lease_id, read(batch)) == 2
    assert not repo.control.resume(DEFAULT_TENANT, job.id).paused
    assert read_all(repo) == 3
    assert repo.jobs.get(DEFAULT_TENANT, job.id).status is JobStatus.SUCCEEDED


def test_a_job_whose_last_films_are_read_while_it_is_paused_ends(repo: Repository) -> None:
    job = submit(repo, 2)
    batch = must_claim(repo, 2)
    repo.control.pause(DEFAULT_TENANT, job.id)

    repo.claims.finish(batch.lease_id, read(batch))

    ended = repo.jobs.get(DEFAULT_TENANT, job.id)
    assert (ended.status, ended.paused) == (JobStatus.SUCCEEDED, False)


def test_pausing_or_resuming_twice_is_once(repo: Repository) -> None:
    job = submit(repo, 1)

    for action in (repo.control.pause, repo.control.resume):
        first = action(DEFAULT_TENANT, job.id)
        assert action(DEFAULT_TENANT, job.id).paused == first.paused

    kinds = [event.type for event in repo.events.after(DEFAULT_TENANT, job.id)]
    assert kinds[2:] == [EventType.PAUSED, EventType.RESUMED]


def test_an_expander_of_a_paused_job_stops_and_goes_on_where_it_was(repo: Repository) -> None:
    job = submit_archive(repo)
    first = repo.expansions.claim("e1", 12)
    assert first is not None
    slice_of_two = {"entries": entries_of(some_films(2)), "cursor": 2, "entries_total": 4}
    assert repo.expansions.commit_slice(first.lease_id, job.id, **slice_of_two)  # type: ignore[arg-type]

    repo.control.pause(DEFAULT_TENANT, job.id)

    assert not repo.expansions.renew(first.lease_id, 12)
    assert not repo.expansions.finish(first.lease_id, job.id)
    assert repo.expansions.claim("e2", 12) is None
    assert repo.expansions.waiting() == 0
    repo.control.resume(DEFAULT_TENANT, job.id)
    second = repo.expansions.claim("e2", 12)
    assert second is not None
    assert (second.cursor, second.attempts) == (2, 0)


def test_a_resumed_job_starves_no_job_of_its_tenant(repo: Repository) -> None:
    away = submit(repo, 100, bundle="b@1").id
    repo.control.pause(DEFAULT_TENANT, away)
    here = submit(repo, 100, bundle="b@2").id
    takes(repo, 40)

    repo.control.resume(DEFAULT_TENANT, away)

    shares = takes(repo, 20)
    assert 9 <= shares[away] <= 11
    assert shares[away] + shares[here] == 20


def test_a_resumed_tenant_starves_no_other(repo: Repository) -> None:
    away = submit(repo, 100, tenant="away", bundle="b@1").id
    repo.control.pause("away", away)
    submit(repo, 100, tenant="here", bundle="b@2")
    takes(repo, 40)

    repo.control.resume("away", away)

    assert 9 <= takes(repo, 20)[away] <= 11


def test_a_job_that_becomes_normal_is_owed_nothing_for_its_time_as_bulk(repo: Repository) -> None:
    bulk = submit(repo, 100, bundle="b@1", priority=Priority.BULK).id
    submit(repo, 100, bundle="b@2")
    takes(repo, 40)

    moved = repo.control.reprioritize(DEFAULT_TENANT, bulk, Priority.NORMAL)

    assert moved.priority is Priority.NORMAL
    assert takes(repo, 20)[bulk] <= 12


def test_a_new_job_is_owed_nothing_because_a_bulk_job_waits(repo: Repository) -> None:
    submit(repo, 100, bundle="b@1", priority=Priority.BULK)
    submit(repo, 100, bundle="b@2")
    takes(repo, 40)
    late = submit(repo, 100, bundle="b@3").id

    assert takes(repo, 20)[late] <= 11


@pytest.mark.parametrize("end", ["cancelling", "cancelled", "succeeded"])
def test_what_has_ended_cannot_be_paused_or_moved_but_renamed(repo: Repository, end: str) -> None:
    job = submit(repo, 3)
    if end == "succeeded":
        read_all(repo)
    else:
        if end == "cancelling":
            must_claim(repo, 1)
        repo.jobs.cancel(DEFAULT_TENANT, job.id)
    control = repo.control

    assert repo.jobs.get(DEFAULT_TENANT, job.id).status == end
    with pytest.raises(WrongState, match="nothing left to pause"):
        control.pause(DEFAULT_TENANT, job.id)
    with pytest.raises(WrongState):
        control.resume(DEFAULT_TENANT, job.id)
    with pytest.raises(WrongState):
        control.reprioritize(DEFAULT_TENANT, job.id, Priority.BULK)
    assert control.rename(DEFAULT_TENANT, job.id, "ward 3").name == "ward 3"


def test_a_paused_job_can_be_cancelled(repo: Repository) -> None:
    job = submit(repo, 3)
    repo.control.pause(DEFAULT_TENANT, job.id)

    cancelled = repo.jobs.cancel(DEFAULT_TENANT, job.id)

    assert (cancelled.status, cancelled.paused) == (JobStatus.CANCELLED, False)


def test_jobs_of_others_are_not_found(repo: Repository) -> None:
    job = submit(repo, 1)

    for change in (repo.control.pause, repo.control.resume):
        with pytest.raises(JobNotFound):
            change("other", job.id)
    with pytest.raises(JobNotFound):
        repo.control.rename("other", job.id, "mine")
    with pytest.raises(JobNotFound):
        repo.control.reprioritize("other", job.id, Priority.BULK)
    assert repo.jobs.get(DEFAULT_TENANT, job.id).name == job.name
