"""Films per second from the first byte submitted to the last terminal row, against two bare loops.

`make bench` prints a table and, last, one line of JSON:

- `end_to_end_vs_bare`: the service against the in-process loop of as many processes as it has
  readers (`benchmarks/bare.py`); 1.0 would be a service that costs nothing.
- `end_to_end_vs_naive`: the service against Keras `predict` film by film (`benchmarks/naive.py`).
- `films_per_second`, `peak_rss_mb` (by role of process).

Each round times all three in turn; the figures are medians over the rounds. The settings are read
from the environment as always: `LUNGLINE_PRECISION=bf16 make bench` measures that precision,
against a bare loop in it and the naive loop in f32.
"""

from __future__ import annotations

import json
import shutil
import statistics
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.bare import time_bare_loop
from benchmarks.films import write_films
from benchmarks.memory import PeakMemory
from benchmarks.naive import time_naive_loop
from benchmarks.stack import running_stack
from lungline.bundles import BundleRef, find_bundle
from lungline.client.client import LunglineClient
from lungline.client.films import gather
from lungline.settings import Settings, load_settings

console = Console(stderr=True)


@dataclass(frozen=True, slots=True)
class Round:
    """Films per second of each way, timed side by side, and the stack's peak memory in MiB."""

    bare: float
    naive: float
    service: float
    peak_mb: dict[str, float]


def main(
    films: Annotated[int, typer.Option(help="Films in the job.")] = 300,
    rounds: Annotated[int, typer.Option(help="Rounds; the figures are their medians.")] = 3,
    naive_films: Annotated[int, typer.Option(help="Films of the naive loop.")] = 12,
) -> None:
    """Measure the service against the bare loops, in the same run."""
    settings = load_settings()
    bundle = find_bundle(settings.bundles_dir, settings.bundle)
    with tempfile.TemporaryDirectory(prefix="lungline-bench-") as folder:
        done = [
            _round(settings, bundle, Path(folder), films, naive_films, seed)
            for seed in range(rounds)
        ]
    _report(done)


def _round(
    settings: Settings, bundle: BundleRef, folder: Path, count: int, naive_count: int, seed: int
) -> Round:
    paths = write_films(folder / f"films-{seed}", count, seed)
    few = folder / f"few-{seed}"
    few.mkdir()
    for path in paths[: naive_count + 1]:
        shutil.copy(path, few)
    console.print(f"round {seed + 1}: naive loop", style="dim")
    naive = 1 / time_naive_loop(bundle.path, few)
    console.print(f"round {seed + 1}: bare loop", style="dim")
    bare = count / time_bare_loop(
        bundle.path, paths, settings.worker_processes, settings.batch_size, settings.precision
    )
    console.print(f"round {seed + 1}: the service", style="dim")
    with running_stack(settings, folder / f"data-{seed}") as client, PeakMemory() as memory:
        service = count / _time_job(client, paths, count)
    console.print(f"bare {bare:.2f}, service {service:.2f}, naive {naive:.2f} films/s")
    return Round(bare, naive, service, memory.peak_mb)


def _time_job(client: LunglineClient, paths: list[Path], count: int) -> float:
    """Seconds from the first byte sent to the last terminal row.

    Raises:
        RuntimeError: A film was not read, or was answered from an earlier prediction.
    """
    films = gather(paths).films
    started = time.time()
    submitted = client.submit_films(films)
    *_, job = client.watch(submitted.id)
    if job.counts.succeeded != count or job.counts.reused:
        raise RuntimeError(f"not every film was read anew: {job.counts}")
    return datetime.fromisoformat(job.wire["finished_at"]).timestamp() - started


def _report(rounds: list[Round]) -> None:
    table = Table(title="Films per second")
    for heading in ("round", "bare loop", "service", "naive loop", "service/bare", "service/naive"):
        table.add_column(heading, justify="right")
    for number, one in enumerate(rounds, start=1):
        figures = (one.bare, one.service, one.naive, one.service / one.bare)
        cells = [f"{figure:.2f}" for figure in (*figures, one.service / one.naive)]
        table.add_row(str(number), *cells)
    console.print(table)
    roles = {role for one in rounds for role in one.peak_mb}
    figures_of_run = {
        "end_to_end_vs_bare": round(statistics.median(r.service / r.bare for r in rounds), 3),
        "end_to_end_vs_naive": round(statistics.median(r.service / r.naive for r in rounds), 2),
        "films_per_second": round(statistics.median(r.service for r in rounds), 2),
        "peak_rss_mb": {
            role: max(one.peak_mb.get(role, 0.0) for one in rounds) for role in sorted(roles)
        },
    }
    print(json.dumps(figures_of_run))


if __name__ == "__main__":
    typer.run(main)
