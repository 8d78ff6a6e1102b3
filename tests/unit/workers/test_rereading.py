"""The stored films of a job are read again as another job, whatever happens on the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import update

from lungline.domain import DEFAULT_TENANT, EntryOutcome, JobStatus
from storage.jobs import Job
from storage.models import FilmRow, TenantRow
from tests.factories import archives, films
from tests.factories.work import Desk
from workers import backoff
from workers.analyze import read_batch
from workers.expand import expand_archive
from workers.parts import Parts

Make = Callable[..., tuple[Parts, Desk]]
MANIFEST = b'name,external_id,metadata\na.jpg,A-1,"{""age"": 3}"\n'


@pytest.fixture(autouse=True)
def _no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(backoff, "MOST_SECONDS", 0.0)


def read_all(parts: Parts) -> None:
    while read_batch(parts):
        parts.writer.wait()


def entries(desk: Desk, job: Job) -> list[Any]:
    return desk.repository.entries.page(DEFAULT_TENANT, job.id, limit=1000).items


def drop(desk: Desk, job: Job, *places: int) -> None:
    """Let films lose their pixels, as retention does."""
    films_ = [item.film for item in desk.items(job) if item.seq in places]
    size = TenantRow.film_bytes - sum(film.size for film in films_)
    ids = [film.id for film in films_]
    with desk.database.write() as connection:
        connection.execute(update(FilmRow).where(FilmRow.id.in_(ids)).values(dropped_at=1.0))
        connection.execute(update(TenantRow).values(film_bytes=size))


def test_films_come_with_all_that_was_said_of_them(make: Make) -> None:
    parts, desk = make(expand_slice=2)
    packed = {
        "a.jpg": films.jpeg(1),
        "bad.jpg": films.text_named_jpg(),
        "notes.txt": b"words",
        "again.jpg": films.jpeg(1),
        "cut.jpg": films.jpeg(2)[:600],
        "b.jpg": films.jpeg(3),
    }
    source = desk.submit_archive(archives.zip_of(packed), manifest=MANIFEST)
    expand_archive(parts)
    read_all(parts)
    assert desk.job(source).failed == 2  # one was refused, one cannot be read

    again = desk.submit_again(source)
    while desk.job(again).status is JobStatus.EXPANDING:
        assert expand_archive(parts)
    read_all(parts)

    job, items = desk.job(again), desk.items(again)
    assert (job.source, job.from_job, job.bundle) == ("job", source.id, "tiny@2")
    assert [item.name for item in items] == ["a.jpg", "again.jpg", "cut.jpg", "b.jpg"]
    assert (items[0].external_id, items[0].metadata) == ("A-1", {"age": 3})
    found = parts.repository.items.find(DEFAULT_TENANT, limit=9, metadata=[("age", "3")])
    assert [(item.job_id, item.seq) for item in found.items] == [(again.id, 0), (source.id, 0)]
    assert items[1].duplicate_of == items[0].id
    kept = {item.name: item for item in desk.items(source)}
    assert all(item.film == kept[item.name].film for item in items)
    assert {item.prediction.bundle for item in items if item.prediction} == {"tiny@2"}
    outcomes = [(entry.name, str(entry.outcome)) for entry in entries(desk, again)]
    assert outcomes == [
        ("a.jpg", "accepted"),
        ("bad.jpg", "ignored"),
        ("again.jpg", "duplicate"),
        ("cut.jpg", "accepted"),
        ("b.jpg", "accepted"),
    ]
    assert (job.entries_seen, job.entries_total, job.total) == (5, 5, 4)
    assert (job.succeeded, job.failed) == (3, 1)
    assert desk.repository.repairs.check_counters() == []


def test_a_job_of_a_job_of_a_job(make: Make) -> None:
    parts, desk = make()
    job = desk.submit([films.jpeg(number) for number in range(3)])
    for bundle in ("tiny@2", "tiny@3"):
        job = desk.submit_again(job, bundle)
        expand_archive(parts)
    read_all(parts)

    assert (desk.job(job).status, desk.job(job).succeeded) == (JobStatus.SUCCEEDED, 3)


def test_the_same_bundle_reads_nothing_twice(make: Make) -> None:
    parts, desk = make()
    source = desk.submit([films.jpeg(number) for number in range(3)])
    read_all(parts)

    again = desk.submit_again(source, source.bundle)
    expand_archive(parts)

    job = desk.job(again)
    assert (job.status, job.reused) == (JobStatus.SUCCEEDED, 3)


@pytest.mark.parametrize("after", [0, 1, 2])
def test_who_dies_in_between_loses_and_repeats_nothing(
    make: Make, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """The process ends after a commit, or before it: another one goes on at the cursor."""
    parts, desk = make(expand_slice=4, lease_seconds=12.0)
    source = desk.submit([films.jpeg(number) for number in range(10)])
    again = desk.submit_again(source)
    commit, commits = parts.repository.expansions.commit_slice, []

    def die(*arguments: Any, **piece: Any) -> bool:
        if len(commits) == after:
            raise KeyboardInterrupt
        commits.append(piece["cursor"])
        return commit(*arguments, **piece)

    with monkeypatch.context() as patch:
        patch.setattr(parts.repository.expansions, "commit_slice", die)
        with pytest.raises(KeyboardInterrupt):
            expand_archive(parts)
    assert desk.job(again).total == 4 * after
    assert not expand_archive(parts)  # the lease is the dead one's
    parts.repository.database.clock_offset = 3600.0
    parts.repository.repairs.expired_expansions()

    assert expand_archive(parts)

    names = [item.name for item in desk.items(again)]
    assert names == [item.name for item in desk.items(source)]
    assert [entry.seq for entry in entries(desk, again)] == list(range(10))
    assert desk.job(again).status is JobStatus.RUNNING


def test_a_source_that_is_deleted_meanwhile_fails_the_job(make: Make) -> None:
    parts, desk = make()
    source = desk.submit([films.jpeg(1)])
    read_all(parts)
    again = desk.submit_again(source)
    desk.repository.deletions.delete(DEFAULT_TENANT, source.id)

    assert expand_archive(parts)

    job = desk.job(again)
    assert (job.status, job.error_code, job.total) == (JobStatus.FAILED, "source_deleted", 0)


def test_films_from_before_the_deletion_are_read(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts, desk = make(expand_slice=2)
    source = desk.submit([films.jpeg(number) for number in range(4)])
    read_all(parts)
    again = desk.submit_again(source)
    commit = parts.repository.expansions.commit_slice

    def then_delete(*arguments: Any, **piece: Any) -> bool:
        done = commit(*arguments, **piece)
        desk.repository.deletions.delete(DEFAULT_TENANT, source.id)
        desk.repository.deletions.rows(desk.store)
        desk.repository.deletions.films(desk.store)
        return done

    monkeypatch.setattr(parts.repository.expansions, "commit_slice", then_delete)
    expand_archive(parts)
    read_all(parts)

    job = desk.job(again)
    assert (job.status, job.error_code) == (JobStatus.COMPLETED_WITH_ERRORS, "source_deleted")
    assert (job.succeeded, job.total) == (2, 2)


@pytest.mark.parametrize("late", [False, True])
def test_films_without_pixels_are_rejected(
    make: Make, monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    """Whether retention dropped them before, or between the listing and the commit."""
    parts, desk = make()
    source = desk.submit([films.jpeg(number) for number in range(3)])
    read_all(parts)
    again = desk.submit_again(source)
    commit = parts.repository.expansions.commit_slice
    if late:

        def drop_first(*arguments: Any, **piece: Any) -> bool:
            monkeypatch.setattr(parts.repository.expansions, "commit_slice", commit)
            drop(desk, source, 1)
            return commit(*arguments, **piece)

        monkeypatch.setattr(parts.repository.expansions, "commit_slice", drop_first)
    else:
        drop(desk, source, 1)

    expand_archive(parts)
    read_all(parts)

    found = [(entry.outcome, entry.error_code) for entry in entries(desk, again)]
    accepted, rejected = (EntryOutcome.ACCEPTED, None), (EntryOutcome.REJECTED, "film_dropped")
    assert found == [accepted, rejected, accepted]
    job = desk.job(again)
    assert (job.status, job.succeeded) == (JobStatus.COMPLETED_WITH_ERRORS, 2)
    assert desk.repository.repairs.check_counters() == []


def test_a_job_without_a_film_gives_none(make: Make) -> None:
    parts, desk = make()
    source = desk.submit([films.text_named_jpg()])
    again = desk.submit_again(source)

    expand_archive(parts)

    job = desk.job(again)
    assert (job.status, job.error_code) == (JobStatus.FAILED, "archive_empty")
    assert job.entries_ignored == 1


def test_no_more_films_wait_than_the_tenant_may_have(make: Make) -> None:
    parts, desk = make(expand_slice=2, batch_size=2, quota_queued_films=3)
    source = desk.submit([films.jpeg(number) for number in range(7)])
    read_all(parts)
    again = desk.submit_again(source)

    assert expand_archive(parts)
    assert desk.job(again).queued == 4  # a slice is not cut
    assert not expand_archive(parts)
    read_all(parts)
    while expand_archive(parts):
        read_all(parts)

    job = desk.job(again)
    assert (job.status, job.succeeded) == (JobStatus.SUCCEEDED, 7)
