"""What a second reading found otherwise, film by film and in sum."""

from __future__ import annotations

import pytest

from lungline.domain import DEFAULT_TENANT, new_id
from lungline.errors import JobNotFound, NotReadAgain, SourceExpanding, SourceGone
from storage import changes
from storage.claims import Outcome
from storage.entries import NewEntry
from storage.items import NewItem
from storage.jobs import Job
from storage.lineage import SourceFilm
from storage.repository import Repository
from tests.factories.rows import (
    a_bad_film,
    a_prediction,
    must_claim,
    some_films,
    submit,
    submit_archive,
)

NORMAL, BACTERIAL, VIRAL = "normal", "bacterial_pneumonia", "viral_pneumonia"
FIRST = [NORMAL, NORMAL, BACTERIAL, None, VIRAL, NORMAL]
SECOND = [NORMAL, BACTERIAL, BACTERIAL, VIRAL, NORMAL, None]


def read(repo: Repository, labels: list[str | None]) -> None:
    """Read all films that wait; None: this one fails."""
    batch = must_claim(repo, limit=100)
    outcomes = [
        Outcome(item.id, a_prediction(label), None)
        if label
        else Outcome(item.id, None, ("truncated", "It is cut off."))
        for item, label in zip(batch.items, labels, strict=True)
    ]
    repo.claims.finish(batch.lease_id, outcomes)


def again(repo: Repository, source: Job) -> Job:
    """A job of the films of another, its expansion done; refused films have no item."""
    job = submit_archive(
        repo, from_job=source.id, archive_key=None, archive_size=None, bundle="other@1"
    )
    expansion = repo.expansions.claim(new_id(), 60.0)
    assert expansion is not None
    assert expansion.from_job == source.id
    films = repo.lineage.films(DEFAULT_TENANT, source.id, 0, 100)
    entries = [NewEntry(film.name, _item(film)) for film in films]
    assert repo.expansions.commit_slice(
        expansion.lease_id, job.id, entries=entries, cursor=len(films), entries_total=len(films)
    )
    assert repo.expansions.finish(expansion.lease_id, job.id)
    return job


def _item(film: SourceFilm) -> NewItem | None:
    return None if film.film is None else NewItem(film.name, film.film, external=film.external)


def compared(repo: Repository) -> tuple[Job, Job]:
    films = some_films(len(FIRST))
    source = submit(repo, [films[0], a_bad_film(), *films[1:]])
    read(repo, FIRST)
    job = again(repo, source)
    read(repo, SECOND)
    return source, job


def pages(repo: Repository, job: Job, limit: int) -> list[list[int]]:
    found, cursor = [], None
    while True:
        page = repo.changes.page(DEFAULT_TENANT, job.id, limit=limit, cursor=cursor)
        found.append([change.seq for change in page.items])
        if (cursor := page.next_cursor) is None:
            return found


@pytest.mark.parametrize("piece", [5_000, 2, 1])
def test_films_whose_label_changed_and_all_in_sum(
    repo: Repository, monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    monkeypatch.setattr(changes, "PIECE", piece)
    source, job = compared(repo)

    found = repo.changes.page(DEFAULT_TENANT, job.id, limit=10).items

    labels = [(one.seq, one.before.top_label, one.after.top_label) for one in found]
    assert labels == [(2, NORMAL, BACTERIAL), (5, VIRAL, NORMAL)]
    before = {item.seq: item for item in repo.items.stream(DEFAULT_TENANT, source.id)}
    assert [one.before.item_id for one in found] == [before[2].id, before[5].id]
    assert [one.name for one in found] == [before[2].name, before[5].name]
    after = repo.items.get(DEFAULT_TENANT, found[0].after.item_id)
    assert (after.job_id, after.name) == (job.id, found[0].name)
    assert after.prediction is not None
    assert found[0].after.findings == after.prediction.findings
    moves = [
        (move.before, move.after, move.count)
        for move in repo.changes.summary(DEFAULT_TENANT, job.id)
    ]
    assert moves == [
        (BACTERIAL, BACTERIAL, 1),
        (NORMAL, BACTERIAL, 1),
        (NORMAL, NORMAL, 1),
        (NORMAL, None, 1),
        (VIRAL, NORMAL, 1),
        (None, VIRAL, 1),
    ]


def test_pages_follow_each_other_and_end(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    _, job = compared(repo)
    assert pages(repo, job, 1) == [[2], [5]]
    assert pages(repo, job, 2) == [[2, 5]]

    monkeypatch.setattr(changes, "PIECE", 1)
    monkeypatch.setattr(changes, "MOST_PIECES", 2)

    assert pages(repo, job, 10) == [[], [2], [5], []]  # short pages where little changed


def test_a_job_that_is_not_read_yet_has_no_changes(repo: Repository) -> None:
    source = submit(repo, 2)
    read(repo, [NORMAL, NORMAL])
    job = again(repo, source)

    assert pages(repo, job, 10) == [[]]
    (move,) = repo.changes.summary(DEFAULT_TENANT, job.id)
    assert (move.before, move.after, move.count) == (NORMAL, None, 2)


def test_what_cannot_be_compared(repo: Repository) -> None:
    source, job = compared(repo)
    for ask in (lambda *a: repo.changes.page(*a, limit=1), repo.changes.summary):
        with pytest.raises(NotReadAgain):
            ask(DEFAULT_TENANT, source.id)
        with pytest.raises(JobNotFound):
            ask("ward", job.id)
    repo.deletions.delete(DEFAULT_TENANT, source.id)
    with pytest.raises(SourceGone):
        repo.changes.summary(DEFAULT_TENANT, job.id)


def test_jobs_are_made_of_own_jobs_that_have_all_their_films(repo: Repository) -> None:
    theirs, growing = submit(repo, tenant="ward"), submit_archive(repo)
    mine = submit(repo)
    gone = {"archive_key": None, "archive_size": None}

    for source, error in ((theirs, JobNotFound), (growing, SourceExpanding)):
        with pytest.raises(error):
            submit_archive(repo, from_job=source.id, **gone)
    made = submit_archive(repo, from_job=mine.id, **gone)

    found = repo.jobs.page(DEFAULT_TENANT, limit=10, from_job=mine.id).items
    assert [job.id for job in found] == [made.id]
