"""Shares of tenants that submit at once: PostgreSQL, several workers, a null model.

`make bench-fairness` prints, last, one line of JSON: `least_share` and `largest_share` of the films
read in the time, as ratios to the fair share (0.9 to 1.1 is the aim), and `films_per_second`.
Every second tenant splits its films over three jobs, which must not get it more.
"""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console
from sqlalchemy import func, select

from benchmarks.crowd import Crowd
from benchmarks.queue import migrated, queue_servers, submit_many
from storage.models import JobRow
from storage.repository import Repository

console = Console(stderr=True)


def main(
    tenants: Annotated[int, typer.Option(min=2, help="Tenants that submit.")] = 20,
    seconds: Annotated[float, typer.Option(help="How long is read.")] = 60.0,
    films: Annotated[int, typer.Option(help="Films of each tenant; more than are read.")] = 9_000,
    processes: Annotated[int, typer.Option(help="Workers.")] = 4,
) -> None:
    """Measure, and print the figures."""
    print(json.dumps(measure(tenants, seconds, films, processes)))


def measure(tenants: int, seconds: float, films: int, processes: int) -> dict[str, float]:
    """Let tenants with the same number of films compete.

    Args:
        tenants: How many.
        seconds: How long is read.
        films: Of each; more than it gets read.
        processes: Workers.

    Raises:
        RuntimeError: A tenant had nothing left to read, so that shares say nothing.
    """
    with queue_servers() as settings, migrated(settings) as repository:
        for number in range(tenants):
            jobs = 3 if number % 2 else 1
            for _ in range(jobs):
                submit_many(settings, repository, films // jobs, f"tenant-{number:02}")
        rate = Crowd(settings, processes).films_per_second(seconds)
        read = _read(repository)
    console.print(f"films read: {read}", style="dim")
    if len(read) < tenants or max(read) >= films // 3 * 3:
        raise RuntimeError("a tenant had no film left: give each more films")
    fair = sum(read) / tenants
    return {
        "least_share": round(min(read) / fair, 3),
        "largest_share": round(max(read) / fair, 3),
        "films_per_second": round(rate, 1),
    }


def _read(repository: Repository) -> list[int]:
    query = select(func.sum(JobRow.succeeded)).group_by(JobRow.tenant).order_by(JobRow.tenant)
    with repository.database.read() as connection:
        return [int(count) for count in connection.execute(query).scalars()]


if __name__ == "__main__":
    typer.run(main)
