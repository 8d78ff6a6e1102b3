"""A job of real length, undisturbed and broken in its middle: what is lost, and how much longer.

`python -m benchmarks.recovery` reads the same films three times, each on a fresh stack:

- undisturbed;
- the worker that reads films gets SIGKILL when a third of the films are read;
- the broker is emptied and gets SIGKILL when a third of the films are read.

Each film must have succeeded exactly once, with the findings of the undisturbed run. The last line
is JSON: `undisturbed_seconds`, and for `worker_killed` and `broker_emptied` the `extra_seconds`,
films `lost` and `twice`, and how many `differ` in their findings.
"""

from __future__ import annotations

import json
import os
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from redis import Redis
from rich.console import Console

from benchmarks.films import write_films
from benchmarks.stack import supervised_stack
from lungline.client.client import LunglineClient
from lungline.client.films import FilmFile, gather
from lungline.settings import load_settings
from lungline.stack.supervisor import Supervisor

console = Console(stderr=True)
Break = Callable[[Supervisor], None]
Findings = dict[str, tuple[str, tuple[float, ...]]]
SHARE = 1 / 3


@dataclass(frozen=True, slots=True)
class Broken:
    """How a broken run compares with the undisturbed one."""

    extra_seconds: float
    lost: int
    twice: int
    differ: int


def main(
    films: Annotated[
        Path | None, typer.Option(help="Folder of films; without it, perturbed demo films.")
    ] = None,
    count: Annotated[int, typer.Option(help="Demo films to make.")] = 600,
) -> None:
    """Break a job in its middle and compare it with an undisturbed one."""
    with tempfile.TemporaryDirectory(prefix="lungline-recovery-") as name:
        folder = Path(name)
        if films is None:
            write_films(folder / "films", count, seed=1)
        chosen = gather([films or folder / "films"]).films
        console.print(f"{len(chosen)} films")
        seconds, names, plain = _run(folder / "undisturbed", chosen, None)
        figures: dict[str, object] = {
            "films": len(chosen),
            "undisturbed_seconds": round(seconds, 1),
        }
        if Counter(names) != Counter(film.name for film in chosen):
            raise RuntimeError("the undisturbed run did not read each film once")
        for case, breaking in (("worker_killed", kill_worker), ("broker_emptied", empty_broker)):
            broken = _compare(seconds, plain, *_run(folder / case, chosen, breaking))
            console.print(f"{case}: {broken}")
            figures[case] = asdict(broken)
    print(json.dumps(figures))


def kill_worker(supervisor: Supervisor) -> None:
    """Kill the parent of all readers; its children end by themselves."""
    _kill(supervisor, "analyze")


def empty_broker(supervisor: Supervisor) -> None:
    """Let the broker lose everything, on disk too, and die."""
    with Redis(unix_socket_path=str(supervisor.plan.folders.socket)) as broker:
        broker.flushall()
    _kill(supervisor, "broker")


def _kill(supervisor: Supervisor, part: str) -> None:
    pid = supervisor.pids()[part]
    if pid is None:
        raise RuntimeError(f"{part} does not run")
    os.kill(pid, signal.SIGKILL)


def _run(
    data: Path, films: list[FilmFile], breaking: Break | None
) -> tuple[float, list[str], Findings]:
    """Read films on a fresh stack; give the job's seconds, the names read, their findings."""
    with (
        supervised_stack(load_settings(), data) as supervisor,
        LunglineClient(supervisor.plan.settings.url) as client,
    ):
        started = time.time()
        submitted = client.submit_films(films)
        for job in client.watch(submitted.id):
            if breaking and job.counts.done > SHARE * len(films):
                breaking(supervisor)
                breaking = None
        seconds = datetime.fromisoformat(job.wire["finished_at"]).timestamp() - started
        with client.results(job.id, "ndjson") as pieces:
            rows = [json.loads(line) for line in b"".join(pieces).splitlines()]
    read = [row for row in rows if row["status"] == "succeeded"]
    findings = {row["name"]: _findings(row) for row in read}
    console.print(f"{data.name}: {len(read)} of {len(rows)} read in {seconds:.1f} s")
    return seconds, [row["name"] for row in read], findings


def _findings(row: dict[str, object]) -> tuple[str, tuple[float, ...]]:
    probabilities = row["probabilities"]
    if not isinstance(probabilities, dict):
        raise TypeError("a row without probabilities")
    return str(row["top_label"]), tuple(probabilities.values())


def _compare(
    undisturbed: float, plain: Findings, seconds: float, names: list[str], found: Findings
) -> Broken:
    times = Counter(names)
    return Broken(
        extra_seconds=round(seconds - undisturbed, 1),
        lost=sum(name not in times for name in plain),
        twice=sum(count > 1 for count in times.values()),
        differ=sum(found[name] != plain[name] for name in found),
    )


if __name__ == "__main__":
    typer.run(main)
