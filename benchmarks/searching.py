"""Finding films by their metadata among a million, on PostgreSQL and on SQLite.

`make bench-search` prints, last, one line of JSON: for each database `longest_page_ms`, the longest
that any page of any search took, and by search the pages it came in and its seconds in all. The
searches differ in how many have each term and how many have both.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from sqlalchemy import ColumnElement, insert, literal, select, text

from benchmarks.copies import copy_item
from benchmarks.queue import migrated, queue_servers
from lungline.domain import DEFAULT_TENANT
from lungline.settings import Settings
from storage.models import ItemRow, TermRow
from storage.repository import Repository
from storage.terms import Condition, Kind, digest
from tests.factories.rows import submit

PAGE = 100
MOST_PAGES = 100
console = Console(stderr=True)
_SEQ = ItemRow.seq
_HAVE: dict[Condition, ColumnElement[bool]] = {
    ("view", "AP"): _SEQ % 10 != 0,
    ("sex", "F"): _SEQ % 2 == 0,
    ("sex", "M"): _SEQ % 2 == 1,
    ("side", "L"): _SEQ % 2 == 0,
    ("flag", "1"): (_SEQ % 40 == 0) | (_SEQ == 1),
    ("note", "1"): _SEQ % 1_000 == 0,
}
SEARCHES: dict[str, list[Condition]] = {
    "most_have_both": [("sex", "F"), ("view", "AP")],
    "none_has_both": [("sex", "M"), ("side", "L")],
    "one_has_both": [("sex", "M"), ("flag", "1")],
    "none_has_both_apart": [("half", "old"), ("half", "new")],
    "one_term_is_rare": [("note", "1"), ("sex", "F")],
    "one_term": [("sex", "F")],
}


def main(items: Annotated[int, typer.Option(help="Films.")] = 1_000_000) -> None:
    """Measure, and print the figures."""
    print(json.dumps(measure(items)))


def measure(items: int) -> dict[str, Any]:
    """Search among so many items on each database."""
    figures = {}
    for name, servers in (("postgresql", queue_servers), ("sqlite", _sqlite)):
        with servers() as settings, migrated(settings) as repository:
            started = time.perf_counter()
            _fill(repository, items)
            console.print(f"{name}: {items:,} films in {time.perf_counter() - started:.0f} s")
            figures[name] = _search_all(repository)
            console.print(f"{name}: {json.dumps(figures[name])}")
    return figures


def _search_all(repository: Repository) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    longest = 0.0
    for name, conditions in SEARCHES.items():
        _page(repository, conditions, None)  # the plan is made, the pages are in memory
        pages = _pages(repository, conditions)
        longest = max(longest, *pages)
        figures[name] = {"pages": len(pages), "seconds": round(sum(pages), 3)}
        figures[name]["median_ms"] = round(1_000 * statistics.median(pages), 1)
        figures[name]["longest_ms"] = round(1_000 * max(pages), 1)
    return {"longest_page_ms": round(1_000 * longest, 1), **figures}


def _pages(repository: Repository, conditions: list[Condition]) -> list[float]:
    """The seconds of each page, until the last or very many."""
    seconds: list[float] = []
    cursor: str | None = None
    while len(seconds) < MOST_PAGES:
        started = time.perf_counter()
        cursor = _page(repository, conditions, cursor)
        seconds.append(time.perf_counter() - started)
        if cursor is None:
            break
    return seconds


def _page(repository: Repository, conditions: list[Condition], cursor: str | None) -> str | None:
    page = repository.items.find(DEFAULT_TENANT, limit=PAGE, cursor=cursor, metadata=conditions)
    return page.next_cursor


def _fill(repository: Repository, items: int) -> None:
    """Make one item through the repository, the others by copying it, and their terms."""
    submit(repository, 1)
    halves = {("half", "old"): items // 2 > _SEQ, ("half", "new"): items // 2 <= _SEQ}
    with repository.database.write() as connection:
        copy_item(connection, items - 1)
        for condition, holds in (_HAVE | halves).items():
            of_term = literal(digest(Kind.ITEM, DEFAULT_TENANT, *condition))
            rows = select(of_term, ItemRow.id).where(holds)
            connection.execute(insert(TermRow).from_select(["digest", "owner_id"], rows))
    with repository.database.engine.connect() as connection:
        autonomous = connection.execution_options(isolation_level="AUTOCOMMIT")
        autonomous.execute(text("ANALYZE" if repository.database.is_sqlite else "VACUUM ANALYZE"))


@contextmanager
def _sqlite() -> Iterator[Settings]:
    with tempfile.TemporaryDirectory(prefix="lungline-search-") as name:
        yield Settings(data_dir=Path(name))


if __name__ == "__main__":
    typer.run(main)
