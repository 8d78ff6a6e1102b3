"""The control plane by itself: PostgreSQL, and workers whose analyzer returns at once.

`make bench-control` prints, last, one line of JSON:

- `null_items_per_second`: items finished by two processes that spend permits as the workers do
  (claim, lease, write, default batch size), without pictures and inserting not counted.
- `null_share_of_plain_sql`: that rate, as a share of what two processes do that send the least SQL
  for it with the driver alone (`benchmarks.plain_queue`): it tells this code from this machine.
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
import time
from collections.abc import Callable
from multiprocessing.synchronize import Barrier
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.null_parts import null_parts
from benchmarks.plain_queue import read_plainly
from benchmarks.queue import migrated, queue_servers, submit_many
from lungline.domain import DEFAULT_TENANT
from lungline.settings import Settings
from lungline.telemetry import configure_logging
from storage.repository import Repository
from workers.analyze import read_batch

PROCESSES = 2
LOOKS = 200
PAGE = 100
console = Console(stderr=True)


def main(
    many: Annotated[int, typer.Option(help="Items of the large job.")] = 1_000_000,
    timed: Annotated[int, typer.Option(help="Items read of the large job.")] = 20_000,
) -> None:
    """Measure, and print the figures."""
    print(json.dumps(measure(many, timed)))


def measure(many: int, timed: int) -> dict[str, float]:
    """Measure the control plane on a PostgreSQL of its own.

    Args:
        many: Items of the large job.
        timed: Items read of it.
    """
    with queue_servers() as settings, migrated(settings) as repository:
        console.print("jobs of 1,000 items", style="dim")
        small = [_seconds_per_item(settings, repository, 1_000, 1_000) for _ in range(3)]
        hundred = submit_many(settings, repository, 100)
        console.print(f"a job of {many:,} items", style="dim")
        job_id = submit_many(settings, repository, many)
        poll_small = _median(lambda: repository.jobs.get(DEFAULT_TENANT, hundred))
        poll_large = _median(lambda: repository.jobs.get(DEFAULT_TENANT, job_id))
        first = _median(lambda: _page(repository, job_id, None))
        last = _median(lambda: _page(repository, job_id, str(many - PAGE - 1)))
        repository.jobs.cancel(DEFAULT_TENANT, hundred)
        large = _read(settings, timed)
        repository.jobs.cancel(DEFAULT_TENANT, job_id)
        plain = _read(settings, timed, submit_many(settings, repository, timed))
    return {
        "null_items_per_second": round(1 / large, 1),
        "null_share_of_plain_sql": round(plain / large, 3),
        "cost_ratio_million_to_thousand": round(large / statistics.median(small), 3),
        "poll_ratio_million_to_hundred": round(poll_large / poll_small, 3),
        "page_ratio_last_to_first": round(last / first, 3),
    }


def _seconds_per_item(settings: Settings, repository: Repository, items: int, timed: int) -> float:
    submit_many(settings, repository, items)
    return _read(settings, timed)


def _read(settings: Settings, items: int, plainly: str = "") -> float:
    """Read `items` in two processes; return seconds per item.

    Args:
        settings: Of the readers.
        items: To read.
        plainly: The job to read as the reference does; none: as the workers do.
    """
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(PROCESSES + 1)
    readers = [
        context.Process(
            target=read_plainly if plainly else _reader,
            args=(settings, plainly or str(number), items // PROCESSES, ready),
        )
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


def _reader(settings: Settings, number: str, items: int, ready: Barrier) -> None:
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
