"""Jobs and items are found by their metadata, whatever its keys and values are made of."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain, product
from random import Random
from typing import Any

import pytest
from sqlalchemy import func, select

from lungline.domain import DEFAULT_TENANT
from storage.entries import NewEntry
from storage.external import External
from storage.items import NewItem
from storage.models import TermRow
from storage.repository import Repository
from storage.terms import MOST_TERMS, Condition
from tests.factories.rows import a_film, entries_of, read_all, submit, submit_archive
from tests.integration.storage.test_deletions import Store
from tests.integration.storage.test_finding import plans

HOSTILE = [
    "",
    "a.b",
    "a'; DROP TABLE terms; --",
    '"\\%_?:x',
    "오른쪽\u0301",
    "\U0001f9b4",
    "=&#",
    "k" * 3_000,
]


def item(metadata: dict[str, Any] | None, external_id: str | None = None) -> NewItem:
    return NewItem("a.png", a_film(), external=External(external_id, metadata))


def found_jobs(repo: Repository, *conditions: Condition, **filters: Any) -> list[str]:
    page = repo.jobs.page(DEFAULT_TENANT, limit=10, metadata=conditions, **filters)
    return [job.id for job in page.items]


def found_items(repo: Repository, *conditions: Condition, **filters: Any) -> list[tuple[str, int]]:
    page = repo.items.find(DEFAULT_TENANT, limit=10, metadata=conditions, **filters)
    return [(one.job_id, one.seq) for one in page.items]


def count(repo: Repository) -> int:
    with repo.database.read() as connection:
        return connection.execute(select(func.count()).select_from(TermRow)).scalar_one()


def test_jobs_are_found_by_all_conditions_and_other_filters(repo: Repository) -> None:
    first = submit(repo, metadata={"ward": "A", "shift": 7, "urgent": True}, name="one")
    second = submit_archive(repo, metadata={"ward": "A", "shift": 8}, name="two")
    submit(repo, metadata={"ward": "A"}, tenant="ward")

    assert found_jobs(repo, ("ward", "A")) == [second.id, first.id]
    assert found_jobs(repo, ("ward", "A"), ("shift", "7")) == [first.id]
    assert found_jobs(repo, ("shift", "7"), ("urgent", "true"), ("ward", "A")) == [first.id]
    assert found_jobs(repo, ("shift", "7"), ("shift", "8")) == []
    assert found_jobs(repo, ("ward", "a")) == []
    assert found_jobs(repo, ("A", "ward")) == []
    assert found_jobs(repo, ("ward", "A"), name="two") == [second.id]
    assert found_jobs(repo, ("shift", "7"), name="two") == []
    assert found_jobs(repo, ("ward", "A"), status=second.status) == [second.id]
    assert found_jobs(repo, ("ward", "A"), created_after=0) == [second.id, first.id]
    assert found_jobs(repo, ("ward", "A"), created_after=second.created_at + 1) == []


def test_items_are_found_by_all_conditions_and_their_id(repo: Repository) -> None:
    films = [item({"age": 3, "side": "L"}, "x"), item({"age": 3}, "y"), item(None, "x")]
    job = submit(repo, films, metadata={"age": 3})
    submit(repo, [item({"age": 3})], tenant="ward")

    assert sorted(found_items(repo, ("age", "3"))) == [(job.id, 0), (job.id, 1)]
    assert found_items(repo, ("age", "3"), ("side", "L")) == [(job.id, 0)]
    assert found_items(repo, ("age", "3"), external_id="y") == [(job.id, 1)]
    assert found_items(repo, ("side", "L"), external_id="y") == []


def test_films_of_archives_are_found(repo: Repository) -> None:
    job = submit_archive(repo)
    expansion = repo.expansions.claim("e", 60)
    assert expansion is not None
    entries = [*entries_of([item({"n": 1}), item({"n": 2})]), NewEntry("x.csv", None)]
    repo.expansions.commit_slice(
        expansion.lease_id, job.id, entries=entries, cursor=3, entries_total=3
    )

    assert found_items(repo, ("n", "2")) == [(job.id, 1)]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("7", "7"),
        (7, "7"),
        (7.0, "7"),
        (-0.5, "-0.5"),
        (10**30, "1" + "0" * 30),
        (True, "true"),
        (False, "false"),
        ("", ""),
    ],
)
def test_values_are_found_by_their_text(repo: Repository, value: object, text: str) -> None:
    job = submit(repo, [item({"key": value})], metadata={"key": value})

    assert found_jobs(repo, ("key", text)) == [job.id]
    assert found_items(repo, ("key", text)) == [(job.id, 0)]


@pytest.mark.parametrize("value", [None, ["7"], {"7": 7}])
def test_nothing_is_found_by_null_and_nested_values(repo: Repository, value: object) -> None:
    job = submit(repo, metadata={"key": value, "other": 1})

    assert found_jobs(repo, ("key", "7")) == found_jobs(repo, ("key", "null")) == []
    assert found_jobs(repo, ("other", "1")) == [job.id]
    assert count(repo) == 1


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_keys_and_values_are_data(repo: Repository, text: str) -> None:
    submit(repo, metadata={"key": "value"})
    job = submit(repo, [item({text: text})], metadata={text: text})

    assert found_jobs(repo, (text, text)) == [job.id]
    assert found_items(repo, (text, text)) == [(job.id, 0)]
    assert found_jobs(repo, (text, text + " ")) == []
    assert found_jobs(repo, ("key", text), (text, text)) == []


def test_only_so_many_values_lead_to_a_job(repo: Repository) -> None:
    job = submit(repo, metadata={str(n): n for n in range(MOST_TERMS + 1)})

    last = str(MOST_TERMS - 1)
    assert found_jobs(repo, (last, last)) == [job.id]
    assert found_jobs(repo, (str(MOST_TERMS), str(MOST_TERMS))) == []
    assert count(repo) == MOST_TERMS


@pytest.mark.parametrize("conditions", [[("a", "1")], [("a", "1"), ("b", "2")]])
def test_what_is_found_comes_in_pages(repo: Repository, conditions: list[Condition]) -> None:
    metadata = {"a": 1, "b": 2}
    jobs = [submit(repo, [item(metadata)], metadata=metadata) for _ in range(5)]
    submit(repo, [item({"a": 1, "b": 3})], metadata={"b": 2})
    wanted = sorted((job.id for job in jobs), reverse=True)

    def all_of(ask: Callable[..., Any]) -> list[Any]:
        found, cursor = [], None
        while True:
            page = ask(DEFAULT_TENANT, limit=2, cursor=cursor, metadata=conditions)
            found += page.items
            if (cursor := page.next_cursor) is None:
                return found

    assert [job.id for job in all_of(repo.jobs.page)] == wanted
    conditions = [("b", "2"), *conditions]
    assert [one.job_id for one in all_of(repo.items.find)] == wanted


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let four be very many, and a page look at five of each term."""
    monkeypatch.setattr("storage.terms.COUNTED", 4)
    monkeypatch.setattr("storage.common_terms.PIECES", (2, 3))


def pages_of(repo: Repository, *conditions: Condition, limit: int = 4) -> list[list[str]]:
    """The ids of the items of each page."""
    pages, cursor = [], None
    while True:
        page = repo.items.find(DEFAULT_TENANT, limit=limit, cursor=cursor, metadata=conditions)
        pages.append([one.id for one in page.items])
        if (cursor := page.next_cursor) is None:
            return pages


@pytest.mark.parametrize("keys", ["ab", "abc", "abcd"])
def test_what_has_several_terms_of_very_many_is_found_once_and_in_order(
    repo: Repository, keys: str, small_pieces: None
) -> None:
    random = Random(keys)
    films = [item({key: random.randrange(2) for key in "abcd"}) for _ in range(80)]
    job = submit(repo, films)
    submit(repo, films[:9], tenant="ward")
    items = list(repo.items.stream(DEFAULT_TENANT, job.id))

    for values in product("01", repeat=len(keys)):
        conditions = list(zip(keys, values, strict=True))
        pages = pages_of(repo, *conditions)
        wanted = [
            one.id
            for one in items
            if all(str((one.metadata or {})[key]) == value for key, value in conditions)
        ]
        assert list(chain(*pages)) == sorted(wanted, reverse=True)
        assert max(map(len, pages)) <= 4


def test_a_page_looks_at_so_many_and_no_more(repo: Repository, small_pieces: None) -> None:
    films = [item({"odd": n % 2, "even": (n + 1) % 2, "both": 1}) for n in range(40)]
    submit(repo, films)

    pages = pages_of(repo, ("odd", "1"), ("even", "1"))
    assert [page for page in pages if page] == []
    assert len(pages) >= 20 // 5
    assert [len(page) for page in pages_of(repo, ("odd", "1"), ("both", "1"), limit=1)] == [1] * 20


def test_terms_that_are_far_apart_are_not_looked_at(repo: Repository, small_pieces: None) -> None:
    for half in range(2):
        submit(repo, [item({"half": half, str(half): 1}) for _ in range(20)])

    assert pages_of(repo, ("half", "0"), ("1", "1")) == [[]]
    assert len(list(chain(*pages_of(repo, ("half", "0"), ("0", "1"))))) == 20


def test_jobs_of_very_many_are_found_by_terms_and_other_filters(
    repo: Repository, small_pieces: None
) -> None:
    jobs = [submit(repo, metadata={"a": 1, "b": 1}, name=str(n % 2)) for n in range(12)]
    archive = submit_archive(repo, metadata={"a": 1, "b": 1})

    def found(limit: int = 3, **filters: Any) -> list[str]:
        ids, cursor = [], None
        while True:
            page = repo.jobs.page(
                DEFAULT_TENANT,
                limit=limit,
                cursor=cursor,
                metadata=[("a", "1"), ("b", "1")],
                **filters,
            )
            ids += [job.id for job in page.items]
            if (cursor := page.next_cursor) is None:
                return ids

    wanted = [job.id for job in reversed(jobs)]
    assert found() == [archive.id, *wanted]
    assert found(name="1") == wanted[::2]
    assert found(status=jobs[0].status) == wanted
    assert found(status=archive.status) == [archive.id]
    assert found(created_after=0) == [archive.id, *wanted]
    assert found(created_after=archive.created_at) == []
    repo.jobs.cancel(DEFAULT_TENANT, jobs[3].id)
    repo.deletions.delete(DEFAULT_TENANT, jobs[3].id)
    assert found() == [archive.id, *(one for one in wanted if one != jobs[3].id)]


def test_terms_go_with_their_job_and_its_items(repo: Repository) -> None:
    kept = submit(repo, [item({"n": 1})], metadata={"n": 1})
    gone = submit(repo, [item({"n": 1}), item({"n": 1})], metadata={"n": 1})
    read_all(repo)
    repo.deletions.delete(DEFAULT_TENANT, gone.id)

    assert found_jobs(repo, ("n", "1")) == [kept.id]
    assert found_items(repo, ("n", "1")) == [(kept.id, 0)]
    assert count(repo) == 5
    while repo.deletions.rows(Store(), 1):
        pass
    assert count(repo) == 2


@pytest.mark.parametrize("conditions", [[("a", "1")], [("a", "1"), ("b", "2")]])
def test_terms_lead_to_what_is_found(repo: Repository, conditions: list[Condition]) -> None:
    submit(repo, [item({"a": 1, "b": 2}) for _ in range(50)], metadata={"a": 1, "b": 2})
    with repo.database.write() as connection:
        # Else the server may know these tables from a moment when they were empty.
        connection.exec_driver_sql("ANALYZE")

    with plans(repo) as found:
        repo.items.find(DEFAULT_TENANT, limit=2, metadata=conditions)
        repo.jobs.page(DEFAULT_TENANT, limit=2, metadata=conditions)

    index = "terms USING PRIMARY KEY" if repo.database.is_sqlite else "pk_terms"
    pages = [plan for plan in found if "items" in plan or "jobs" in plan]
    assert len(pages) == 2
    assert all(index in plan and "SCAN terms" not in plan for plan in pages), pages
