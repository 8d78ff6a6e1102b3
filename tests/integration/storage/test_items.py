"""Reading items, one, by pages and all."""

from __future__ import annotations

import pytest

from lungline.domain import DEFAULT_TENANT, ItemStatus
from lungline.errors import InvalidParameter, ItemNotFound, JobNotFound
from storage.items import STREAM_PAGE, NewItem
from storage.repository import Repository
from tests.factories.rows import a_film, a_prediction, must_claim, read, some_films, submit


def test_an_item_tells_its_film_and_its_findings(repo: Repository) -> None:
    film = a_film()
    job = submit(repo, [NewItem("chest.png", film)])
    batch = must_claim(repo)
    running = repo.items.get(DEFAULT_TENANT, batch.items[0].id)
    repo.claims.finish(batch.lease_id, read(batch, "viral_pneumonia"))

    item = repo.items.get(DEFAULT_TENANT, batch.items[0].id)

    assert (running.status, running.prediction) == (ItemStatus.RUNNING, None)
    assert (item.status, item.attempt, item.reused) == (ItemStatus.SUCCEEDED, 1, False)
    assert (item.job_id, item.seq, item.name) == (job.id, 0, "chest.png")
    assert item.film is not None
    assert (item.film.sha256, item.film.object_key) == (film.sha256, film.object_key)
    assert (item.film.width, item.film.height, item.film.size) == (640, 480, 1_000)
    expected = a_prediction("viral_pneumonia")
    assert item.prediction is not None
    for field in expected.__slots__:
        assert getattr(item.prediction, field) == getattr(expected, field)
    assert item.started_at is not None
    assert item.finished_at is not None
    assert item.created_at <= item.started_at <= item.finished_at


def test_pages_follow_the_order_of_the_job(repo: Repository) -> None:
    job = submit(repo, some_films(7))

    names, cursor = [], None
    for _ in range(3):
        page = repo.items.page(DEFAULT_TENANT, job.id, limit=3, cursor=cursor)
        names += [item.name for item in page.items]
        cursor = page.next_cursor

    assert names == [f"{n}.png" for n in range(7)]
    assert cursor is None


def test_stream_gives_all(repo: Repository) -> None:
    job = submit(repo, some_films(STREAM_PAGE + 3))

    assert [item.seq for item in repo.items.stream(DEFAULT_TENANT, job.id)] == list(
        range(STREAM_PAGE + 3)
    )


def test_what_is_not_there_is_said_at_once(repo: Repository) -> None:
    job = submit(repo)
    item = repo.items.page(DEFAULT_TENANT, job.id, limit=1).items[0]

    with pytest.raises(JobNotFound):
        repo.items.stream(DEFAULT_TENANT, "nothing")
    with pytest.raises(JobNotFound):
        repo.items.page("somebody", job.id, limit=1)
    with pytest.raises(ItemNotFound):
        repo.items.get("somebody", item.id)


@pytest.mark.parametrize("cursor", ["", "-1", "x", "1.5", "9" * 30, "٣"])
def test_a_made_up_cursor_is_refused(repo: Repository, cursor: str) -> None:
    job = submit(repo)

    with pytest.raises(InvalidParameter, match="cursor"):
        repo.items.page(DEFAULT_TENANT, job.id, limit=1, cursor=cursor)


def test_a_new_item_has_either_a_film_or_an_error() -> None:
    with pytest.raises(ValueError, match="either"):
        NewItem("x", None)
    with pytest.raises(ValueError, match="either"):
        NewItem("x", a_film(), ("truncated", "..."))
