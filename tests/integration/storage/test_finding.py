"""Jobs and items are found again by what clients know of them, without looking at the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event, insert

from lungline.domain import DEFAULT_TENANT
from storage.external import External
from storage.items import NewItem
from storage.models import JobRow
from storage.repository import Repository
from tests.factories.rows import a_film, read_all, submit, submit_archive

STUDY, OTHER = "1" * 32, "2" * 32


def item(external_id: str | None, study: str | None, film: str | None = None) -> NewItem:
    taken = replace(a_film(film), study_hash=study)
    return NewItem("a.dcm", taken, external=External(external_id))


def names(repo: Repository, **filters: Any) -> list[str]:
    return [job.name for job in repo.jobs.page(DEFAULT_TENANT, limit=10, **filters).items]


@contextmanager
def plans(repo: Repository) -> Iterator[list[str]]:
    """How the database carries out each query of the block."""
    asked: list[tuple[str, Any]] = []
    found: list[str] = []

    def note(*call: Any) -> None:
        asked.append(call[2:4])

    engine = repo.database.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", note)
    word = "EXPLAIN QUERY PLAN" if repo.database.is_sqlite else "EXPLAIN"
    with repo.database.read() as connection:
        if not repo.database.is_sqlite:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        for statement, values in asked:
            if statement.startswith("SELECT") and "FROM" in statement:
                plan = connection.exec_driver_sql(f"{word} {statement}", values).all()
                found.append(str(plan))


def test_items_of_all_jobs_are_found_by_their_id_and_study(repo: Repository) -> None:
    first = submit(repo, [item("x-1", STUDY), item("x-2", STUDY), item(None, None)])
    second = submit(repo, [item("x-1", OTHER)])
    submit(repo, [item("x-1", STUDY)], tenant="ward")
    read_all(repo)

    def found(**filters: str) -> list[tuple[str, int]]:
        page = repo.items.find(DEFAULT_TENANT, limit=10, **filters)
        return [(one.job_id, one.seq) for one in page.items]

    assert found(external_id="x-1") == [(second.id, 0), (first.id, 0)]
    assert sorted(found(study_hash=STUDY)) == [(first.id, 0), (first.id, 1)]
    assert found(external_id="x-2", study_hash=STUDY) == [(first.id, 1)]
    assert found(external_id="x-2", study_hash=OTHER) == []
    assert found(external_id="x") == []
    repo.deletions.delete(DEFAULT_TENANT, first.id)
    assert found(external_id="x-1") == [(second.id, 0)]
    assert found(study_hash=STUDY) == []


def test_found_items_come_in_pages(repo: Repository) -> None:
    jobs = [submit(repo, [item("same", None)]) for _ in range(5)]
    seen, cursor = [], None
    while True:
        page = repo.items.find(DEFAULT_TENANT, limit=2, external_id="same", cursor=cursor)
        seen += [one.job_id for one in page.items]
        if (cursor := page.next_cursor) is None:
            break

    assert seen == sorted((job.id for job in jobs), reverse=True)


def test_finding_everything_is_no_search(repo: Repository) -> None:
    with pytest.raises(ValueError, match="external id, study or metadata"):
        repo.items.find(DEFAULT_TENANT, limit=1)


def test_jobs_are_found_by_name_and_time(repo: Repository) -> None:
    submit_archive(repo, name="night")
    submit_archive(repo, name="night", tenant="ward")
    between = repo.jobs.page(DEFAULT_TENANT, limit=1).items[0].created_at
    repo.database.clock_offset = 10.0
    submit_archive(repo, name="day")
    submit_archive(repo, name="night")

    assert names(repo, name="night") == ["night", "night"]
    assert names(repo, name="nigh") == []
    assert names(repo, created_after=between) == ["night", "day"]
    assert names(repo, created_after=between, name="night") == ["night"]
    assert names(repo, created_after=between - 1) == ["night", "day", "night"]
    assert names(repo, created_after=between + 11) == []
    assert names(repo, created_after=-1e10) == ["night", "day", "night"]


Ask = Callable[[Repository], object]


@pytest.mark.parametrize(
    ("ask", "index"),
    [
        (
            lambda repo: repo.items.find(DEFAULT_TENANT, limit=2, external_id="x"),
            "ix_items_external_id",
        ),
        (lambda repo: repo.items.find(DEFAULT_TENANT, limit=2, study_hash=STUDY), "ix_items_study"),
        (lambda repo: repo.jobs.page(DEFAULT_TENANT, limit=2, name="3"), "ix_jobs_name"),
        (
            lambda repo: repo.jobs.page(DEFAULT_TENANT, limit=2, name="3", metadata=[("a", "b")]),
            "ix_jobs_name",
        ),
    ],
)
def test_an_index_leads_to_what_is_found(repo: Repository, ask: Ask, index: str) -> None:
    job = submit(repo, [item(f"x-{n}", STUDY if n else OTHER) for n in range(50)])
    with repo.database.write() as connection:
        table = JobRow.__table__
        row = connection.execute(table.select().where(table.c.id == job.id)).mappings().one()
        empty = dict(row) | dict.fromkeys(("total", "queued", "bytes"), 0)
        more = [empty | {"id": f"{n:032x}", "name": str(n), "status": "failed"} for n in range(50)]
        connection.execute(insert(JobRow), more)

    with plans(repo) as found:
        ask(repo)

    assert any(index in plan for plan in found), found
