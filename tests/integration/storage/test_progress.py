"""What a job tells of its pace and its place, from its row and those of other jobs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import event

from lungline.domain import DEFAULT_TENANT, Priority
from storage.claims import Outcome
from storage.pace import films_per_second
from storage.repository import Repository
from tests.factories.rows import must_claim, read, read_all, submit, submit_archive

ROUGHLY = 0.2  # the clock moves by hand, but also by itself


def rate(repo: Repository, job_id: str) -> float | None:
    return films_per_second(repo.jobs.get(DEFAULT_TENANT, job_id))


def position(repo: Repository, job_id: str, tenant: str = DEFAULT_TENANT) -> int | None:
    return repo.jobs.get(tenant, job_id).position


def read_for(repo: Repository, seconds: float, batches: int, films: int) -> None:
    """Read batches of `films` films at an even pace."""
    for _ in range(batches):
        batch = must_claim(repo, films)
        repo.database.clock_offset += seconds / batches
        repo.claims.finish(batch.lease_id, read(batch))


def test_the_rate_is_that_of_the_last_minute(repo: Repository) -> None:
    job = submit(repo, 120).id
    assert rate(repo, job) is None

    read_for(repo, seconds=10, batches=2, films=5)
    assert rate(repo, job) == pytest.approx(1.0, rel=ROUGHLY)
    read_for(repo, seconds=60, batches=12, films=5)
    assert rate(repo, job) == pytest.approx(1.0, rel=ROUGHLY)
    read_for(repo, seconds=100, batches=10, films=1)
    assert rate(repo, job) == pytest.approx(0.1, rel=ROUGHLY)


def test_a_job_that_stands_still_has_no_rate(repo: Repository) -> None:
    job = submit(repo, 20).id
    read_for(repo, seconds=10, batches=2, films=5)

    repo.database.clock_offset += 70

    assert rate(repo, job) == 0


def test_a_pause_does_not_count(repo: Repository) -> None:
    job = submit(repo, 40).id
    read_for(repo, seconds=40, batches=4, films=5)
    repo.control.pause(DEFAULT_TENANT, job)
    repo.database.clock_offset += 600
    repo.control.resume(DEFAULT_TENANT, job)

    read_for(repo, seconds=10, batches=2, films=5)

    assert rate(repo, job) == pytest.approx(1.0, rel=ROUGHLY)


def test_a_retry_begins_anew(repo: Repository) -> None:
    job = submit(repo, 2).id
    batch = must_claim(repo, 2)
    failures = [Outcome(item.id, None, ("undecodable", "No.")) for item in batch.items]
    repo.claims.finish(batch.lease_id, failures)
    repo.control.retry(DEFAULT_TENANT, job)
    assert rate(repo, job) is None

    batch = must_claim(repo, 1)
    repo.database.clock_offset += 2
    repo.claims.finish(batch.lease_id, read(batch))

    assert rate(repo, job) == pytest.approx(0.5, rel=ROUGHLY)


def test_jobs_of_a_tenant_wait_in_their_order(repo: Repository) -> None:
    jobs = [submit(repo, 2, bundle=f"b@{n}").id for n in range(3)]
    assert [position(repo, job) for job in jobs] == [0, 1, 2]

    urgent = submit(repo, 1, priority=Priority.INTERACTIVE).id
    bulk = submit(repo, 1, priority=Priority.BULK).id
    assert [position(repo, job) for job in (urgent, *jobs, bulk)] == [0, 1, 2, 3, 4]

    must_claim(repo, 1)  # the urgent film
    must_claim(repo, 1)  # one of the first job's
    assert [position(repo, job) for job in (urgent, *jobs, bulk)] == [0, 0, 0, 1, 3]


def test_of_other_tenants_one_job_goes_before(repo: Repository) -> None:
    for n in range(5):
        submit(repo, 2, tenant="busy", bundle=f"b@{n}")
    own = submit(repo, 1, tenant="ward").id

    assert position(repo, own, "ward") == 1


def test_what_does_not_wait_has_no_place(repo: Repository) -> None:
    paused, ended = submit(repo, 1).id, submit(repo, 1, tenant="b").id
    repo.control.pause(DEFAULT_TENANT, paused)
    read_all(repo)
    archive = submit_archive(repo).id

    assert position(repo, paused) is None
    assert position(repo, ended, "b") is None
    assert position(repo, archive) == 0


@pytest.fixture
def statements(repo: Repository) -> Iterator[list[str]]:
    """What the database is asked."""
    seen: list[str] = []

    def note(connection: object, cursor: object, statement: str, *rest: object) -> None:
        seen.append(statement)

    event.listen(repo.database.engine, "before_cursor_execute", note)
    yield seen
    event.remove(repo.database.engine, "before_cursor_execute", note)


def test_progress_is_read_in_one_go_and_from_no_item(
    repo: Repository, statements: list[str]
) -> None:
    job = submit(repo, 3).id
    statements.clear()

    repo.jobs.get(DEFAULT_TENANT, job)

    asked = [statement for statement in statements if statement.startswith("SELECT")]
    assert len(asked) == 1
    assert "items" not in asked[0]
