"""What became of each entry of an archive."""

from __future__ import annotations

import pytest

from lungline.domain import DEFAULT_TENANT, EntryOutcome
from lungline.errors import InvalidParameter, JobNotFound
from storage.entries import NewEntry
from storage.items import NewItem
from storage.jobs import Job
from storage.repository import Repository
from tests.factories.rows import a_bad_film, a_film, entries_of, submit, submit_archive

NOTE = NewEntry("notes.txt", None, 5)


def film(name: str, seed: str) -> NewItem:
    return NewItem(name, a_film(seed))


def expanded(repo: Repository, *slices: list[NewEntry]) -> Job:
    job = submit_archive(repo)
    expansion = repo.expansions.claim("expander", 60)
    assert expansion is not None
    cursor = 0
    for entries in slices:
        cursor += len(entries)
        assert repo.expansions.commit_slice(
            expansion.lease_id, job.id, entries=entries, cursor=cursor, entries_total=None
        )
    return repo.jobs.get(DEFAULT_TENANT, job.id)


def test_each_has_its_place_its_outcome_and_its_item(repo: Repository) -> None:
    first = [*entries_of([film("a", "a"), film("b", "b"), film("a2", "a")]), NOTE]
    second = [NOTE, *entries_of([a_bad_film(), film("b2", "b"), film("c", "c")])]

    job = expanded(repo, first, second)

    items = {item.name: item for item in repo.items.stream(DEFAULT_TENANT, job.id)}
    entries = repo.entries.page(DEFAULT_TENANT, job.id, limit=100).items
    found = [(entry.seq, entry.name, str(entry.outcome)) for entry in entries]
    assert found == [
        (0, "a", "accepted"),
        (1, "b", "accepted"),
        (2, "a2", "duplicate"),
        (3, "notes.txt", "ignored"),
        (4, "notes.txt", "ignored"),
        (5, "bad.png", "rejected"),
        (6, "b2", "duplicate"),
        (7, "c", "accepted"),
    ]
    assert [entry.item_id for entry in entries] == [
        items[entry.name].id if entry.name in items else None for entry in entries
    ]
    duplicates = {entry.name: entry.duplicate_of for entry in entries if entry.duplicate_of}
    assert duplicates == {"a2": items["a"].id, "b2": items["b"].id}
    assert {name: item.duplicate_of for name, item in items.items() if item.duplicate_of} == (
        duplicates
    )
    assert [entry.error_code for entry in entries if entry.error_code] == ["truncated"]
    counts = (job.entries_accepted, job.entries_duplicate, job.entries_ignored)
    assert (*counts, job.entries_rejected) == (3, 2, 2, 1)
    assert job.entries_seen == 8


def test_pages_and_outcomes(repo: Repository) -> None:
    job = expanded(repo, [NOTE, *entries_of([film("a", "a"), a_bad_film()]), NOTE, NOTE])
    seen: list[int] = []
    cursor = None
    while True:
        page = repo.entries.page(DEFAULT_TENANT, job.id, limit=2, cursor=cursor)
        seen += [entry.seq for entry in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break

    assert seen == [0, 1, 2, 3, 4]
    ignored = EntryOutcome.IGNORED
    page = repo.entries.page(DEFAULT_TENANT, job.id, limit=2, cursor="0", outcome=ignored)
    assert ([entry.seq for entry in page.items], page.next_cursor) == ([3, 4], None)
    with pytest.raises(InvalidParameter):
        repo.entries.page(DEFAULT_TENANT, job.id, limit=2, cursor="x")
    with pytest.raises(JobNotFound):
        repo.entries.page("somebody", job.id, limit=2)


def test_a_form_has_duplicates_but_no_entries(repo: Repository) -> None:
    job = submit(repo, [film("a", "a"), film("b", "a")])

    one, two = repo.items.page(DEFAULT_TENANT, job.id, limit=2).items

    assert (one.duplicate_of, two.duplicate_of) == (None, one.id)
    assert repo.entries.page(DEFAULT_TENANT, job.id, limit=2).items == []


def test_one_film_in_two_archives_is_no_duplicate(repo: Repository) -> None:
    jobs = [expanded(repo, entries_of([film("a", "a")])) for _ in range(2)]

    assert [job.entries_accepted for job in jobs] == [1, 1]
