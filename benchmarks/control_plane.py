"""The control plane by itself: PostgreSQL, and workers whose analyzer returns at once.

`make bench-control` prints, last, one line of JSON:

- `null_items_per_second`: items finished by two processes that spend permits as the workers do
  (claim, lease, write, default batch size), without pictures and inserting not counted.
- `cost_ratio_million_to_thousand`: seconds per item in a job of many items against a job of 1,000.
- `poll_ratio_million_to_hundred`: seconds to look at a job of many items against one of 100.
- `page_ratio_last_to_first`: seconds for the last page of the many items against the first.

PostgreSQL flushes to disk as it does in production.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer
from rich.console import Console

from benchmarks.null_parts import null_parts
from lungline.domain import DEFAULT_TENANT, FilmFormat, Priority, new_id
from lungline.settings import Settings
from lungline.telemetry import configure_logging
from storage.database import Database
from storage.intake.film import IntakenFilm
from storage.items import NewItem
from storage.migrate import upgrade
from storage.repository import Repository
from tests.fixtures.postgres import postgres_cluster
from tests.fixtures.valkey import ValkeyServer
from workers.analyze import read_batch

PROCESSES = 2
LOOKS = 200
PAGE = 100
console = Console(stderr=True)


def main(
    many: Annotated[int, typer.Option(help="Items of the large job.")] = 1_000_000,
    timed: Annotated[int, typer.Option(help="Items read of the large job.")] = 20_000,
) -> None:
    """Measure the control plane on a PostgreSQL of its own."""
    with _servers() as settings:
        database = Database(settings.sqlalchemy_url)
        upgrade(database)
        repository = Repository(database)
        console.print("jobs of 1,000 items", style="dim")
        small = [_seconds_per_item(settings, repository, 1_000, 1_000) for _ in range(3)]
        hundred = _submit(settings, repository, 100)
        console.print(f"a job of {many:,} items", style="dim")
        job_id = _submit(settings, repository, many)
        poll_small = _median(lambda: repository.jobs.get(DEFAULT_TENANT, hundred))
        poll_large = _median(lambda: repository.jobs.get(DEFAULT_TENANT, job_id))
        first = _median(lambda: _page(repository, job_id, None))
        last = _median(lambda: _page(repository, job_id, str(many - PAGE - 1)))
        repository.jobs.cancel(DEFAULT_TENANT, hundred)
        large = _read(settings, timed)
        database.dispose()
    figures = {
        "null_items_per_second": round(1 / large, 1),
        "cost_ratio_million_to_thousand": round(large / statistics.median(small), 3),
        "poll_ratio_million_to_hundred": round(poll_large / poll_small, 3),
        "page_ratio_last_to_first": round(last / first, 3),
    }
    print(json.dumps(figures))


@contextmanager
def _servers() -> Iterator[Settings]:
    """Settings for a database and a broker of their own."""
    with tempfile.TemporaryDirectory(prefix="lungline-control-") as name:
        data = Path(name)
        broker = ValkeyServer(data)
        broker.start()
        try:
            with postgres_cluster(durable=True) as server:
                yield Settings(
                    data_dir=data, database_url=server.url("postgres"), broker_url=broker.url
                )
        finally:
            broker.stop()


def _seconds_per_item(settings: Settings, repository: Repository, items: int, timed: int) -> float:
    _submit(settings, repository, items)
    return _read(settings, timed)


def _submit(settings: Settings, repository: Repository, count: int) -> str:
    """Make a job of `count` items with a film each: the first by intake, the rest by copying it."""
    digest = new_id() * 2
    film = IntakenFilm(digest, FilmFormat.PNG, 1_000, 640, 480, f"{DEFAULT_TENANT}/films/{digest}")
    job = repository.jobs.create_with_films(
        DEFAULT_TENANT,
        job_id=new_id(),
        name="",
        metadata={},
        bundle="null@1",
        priority=Priority.NORMAL,
        idempotency_key=None,
        request_hash=None,
        items=[NewItem("0.png", film)],
    ).job
    url = settings.sqlalchemy_url.replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as connection:
        for table, copied in (("films", _FILMS), ("items", _ITEMS)):
            columns = _columns(connection, table)
            chosen = ", ".join(copied.get(name, f"t.{name}") for name in columns)
            connection.execute(
                f"INSERT INTO {table} ({', '.join(columns)}) SELECT {chosen} FROM {table} t, "  # noqa: S608
                f"generate_series(1, {count - 1}) n WHERE {_FIRST[table]}",
                {"job": job.id, "digest": digest},
            )
        connection.execute(
            "UPDATE jobs SET queued = %s, total = %s WHERE id = %s", (count, count, job.id)
        )
        connection.execute("ANALYZE")
    return job.id


_HEX = "lpad(to_hex(n), 8, '0')"
_FIRST = {"films": "t.sha256 = %(digest)s", "items": "t.job_id = %(job)s"}
_FILMS = {
    "id": f"left(t.id, 24) || {_HEX}",
    "sha256": f"left(t.sha256, 56) || {_HEX}",
    "object_key": f"t.object_key || {_HEX}",
}
_ITEMS = {
    "id": f"left(t.id, 24) || {_HEX}",
    "film_id": f"left(t.film_id, 24) || {_HEX}",
    "seq": "t.seq + n",
}


def _columns(connection: psycopg.Connection[Any], table: str) -> list[str]:
    rows = connection.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s", (table,)
    )
    return [str(row[0]) for row in rows.fetchall()]


def _read(settings: Settings, items: int) -> float:
    """Read `items` in two processes; return seconds per item."""
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(PROCESSES + 1)
    readers = [
        context.Process(target=_reader, args=(settings, number, items // PROCESSES, ready))
        for number in range(PROCESSES)
    ]
    for reader in readers:
        reader.start()
    ready.wait(timeout=60)
    started = time.perf_counter()
    for reader in readers:
        reader.join()
    seconds = time.perf_counter() - started
    if any(reader.exitcode for reader in readers):
        raise RuntimeError("a reader of the benchmark failed")
    return seconds / (items // PROCESSES * PROCESSES)


def _reader(settings: Settings, number: int, items: int, ready: Barrier) -> None:
    configure_logging(settings.model_copy(update={"log_level": "WARNING"}), "benchmark")
    parts = null_parts(settings, f"null-{os.getpid()}-{number}")
    parts.repository.jobs.queued_films()  # connected
    ready.wait(timeout=60)
    done = 0
    while done < items:
        taken = read_batch(parts)
        if not taken:
            break  # the other process took the rest
        done += taken
    parts.writer.wait()
    parts.close()


def _page(repository: Repository, job_id: str, cursor: str | None) -> None:
    page = repository.items.page(DEFAULT_TENANT, job_id, limit=PAGE, cursor=cursor)
    if len(page.items) != PAGE:
        raise RuntimeError("the page is not full")


def _median(look: Callable[[], object]) -> float:
    seconds = []
    for _ in range(LOOKS):
        started = time.perf_counter()
        look()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


if __name__ == "__main__":
    typer.run(main)
