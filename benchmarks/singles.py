"""Single films that keep arriving while `lungline submit --watch` sends a large archive.

`make bench-singles` prints, last, one line of JSON: for films of normal and of interactive priority
the `longest_wait_batches` (seconds from its submission to its claim, as a multiple of the median
seconds of a batch of the archive) and the `most_claims_before` (batches of the archive that any
reader claimed while the film waited). Nobody may wait for more than two batches.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from sqlalchemy import select

from benchmarks.films import write_films
from benchmarks.stack import supervised_stack
from lungline.client.client import JobOptions, LunglineClient
from lungline.client.films import gather
from lungline.settings import Settings, load_settings
from storage.database import Database
from storage.models import ItemRow

MOST_SINGLES = 500
console = Console(stderr=True)


@dataclass(frozen=True, slots=True)
class Waited:
    """How long one film waited.

    Attributes:
        batches: In the time of a batch.
        claims: Batches of the archive that were claimed meanwhile.
    """

    batches: float
    claims: int


def main(
    films: Annotated[
        Path | None, typer.Option(help="Folder of films; without it, perturbed demo films.")
    ] = None,
    count: Annotated[int, typer.Option(help="Demo films to make.")] = 1_560,
    every: Annotated[float, typer.Option(help="Seconds between single films.")] = 1.0,
) -> None:
    """Measure, and print the figures."""
    with tempfile.TemporaryDirectory(prefix="lungline-singles-") as name:
        folder = Path(name)
        archive = _pack(films or _films(folder / "films", count), folder / "films.zip")
        singles = write_films(folder / "singles", MOST_SINGLES, seed=7)
        with supervised_stack(load_settings(), folder / "data") as supervisor:
            settings = supervisor.plan.settings
            submitted = _submit_singles(settings.url, archive, singles, every)
            waited = _waited(settings, submitted)
    figures = {
        priority: {
            "films": len(some),
            "longest_wait_batches": round(max(each.batches for each in some), 2),
            "most_claims_before": max(each.claims for each in some),
        }
        for priority, some in waited.items()
        if some
    }
    print(json.dumps(figures))


def _films(folder: Path, count: int) -> Path:
    write_films(folder, count, seed=1)
    return folder


def _pack(folder: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for film in gather([folder]).films:
            archive.write(film.path, film.name)
    return path


def _submit_singles(url: str, archive: Path, singles: list[Path], every: float) -> dict[str, str]:
    """Submit single films until the archive is read; give the priority of each, by its job."""
    command = [sys.executable, "-m", "lungline", "submit", str(archive), "--watch"]
    environment = os.environ | {"LUNGLINE_URL": url}
    submitted: dict[str, str] = {}
    with (
        LunglineClient(url) as client,
        subprocess.Popen(command, env=environment, stdout=sys.stderr) as sender,
    ):
        for path, priority in zip(singles, cycle(("normal", "interactive")), strict=False):
            if sender.poll() is not None:
                break
            job = client.submit_films(gather([path]).films, JobOptions(priority=priority))
            submitted[job.id] = priority
            time.sleep(every)
        if sender.wait():
            raise RuntimeError(f"the archive was not read: exit status {sender.returncode}")
        for job_id in submitted:
            for _ in client.watch(job_id):
                pass
    return submitted


def _waited(settings: Settings, submitted: dict[str, str]) -> dict[str, list[Waited]]:
    """Look up when each film was claimed, and what was claimed before it.

    Raises:
        RuntimeError: Some were never claimed, so that nobody knows how long they waited.
    """
    columns = (ItemRow.job_id, ItemRow.created_at, ItemRow.started_at, ItemRow.finished_at)
    database = Database(settings.sqlalchemy_url)
    with database.read() as connection:
        rows = connection.execute(select(*columns).where(ItemRow.started_at.is_not(None))).all()
    database.dispose()
    ends: dict[float, float] = {}  # the films of a batch start together
    for row in rows:
        if row.job_id not in submitted:
            ends[row.started_at] = max(row.finished_at, ends.get(row.started_at, 0.0))
    batch = statistics.median(end - start for start, end in ends.items())
    console.print(f"{len(ends)} batches of the archive, {batch:.2f} s each", style="dim")
    waited: dict[str, list[Waited]] = {"normal": [], "interactive": []}
    for row in rows:
        if row.job_id in submitted:
            claims = sum(row.created_at < start < row.started_at for start in ends)
            seconds = row.started_at - row.created_at
            waited[submitted[row.job_id]].append(Waited(seconds / batch, claims))
    if missing := len(submitted) - sum(map(len, waited.values())):
        raise RuntimeError(f"{missing} single films were never claimed")
    return waited


if __name__ == "__main__":
    typer.run(main)
