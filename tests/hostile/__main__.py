"""Send the service hostile input by the thousand; the same command goes on where it was.

Three parts: cases made from the OpenAPI document against the application (`api`), damaged files for
all that takes bytes from strangers, in a process that may die of them (`files`), and films through
a running service (`live`). What is found is told, kept, and ends the command with status 1.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tests.hostile import corpus, live
from tests.hostile.calls import make_calls
from tests.hostile.fuzzing import run_chunk
from tests.hostile.journal import add_chunk, read_chunks, table
from tests.hostile.targets import TARGETS

CHUNK = 2_000


class Part(StrEnum):
    """What is sent."""

    API = "api"
    FILES = "files"
    LIVE = "live"


def main(
    only: Annotated[Part | None, typer.Option(help="Only this part.")] = None,
    cases: Annotated[int, typer.Option(min=100, help="Damaged files.")] = 50_000,
    calls: Annotated[int, typer.Option(min=100, help="Calls of the API, at least.")] = 5_000,
    films: Annotated[int, typer.Option(min=0, help="Damaged films for the service.")] = 500,
    seed: Annotated[int, typer.Option(help="Of all of them.")] = 1,
    kept: Annotated[
        Path, typer.Option(help="Journal, and files with which something was found.")
    ] = Path("runs/hostile"),
) -> None:
    """Send hostile input and say what came of it."""
    real = len(corpus.real_paths())
    print(f"corpus: films made on the spot and {real or 'no'} real DICOM files")
    parts: dict[Part, Callable[[], int]] = {
        Part.FILES: lambda: send_files(cases, seed, kept),
        Part.API: lambda: send_calls(calls, seed),
        Part.LIVE: lambda: send_films(films, seed),
    }
    found = sum(run() for part, run in parts.items() if only in (None, part))
    raise SystemExit(1 if found else 0)


def send_files(cases: int, seed: int, kept: Path) -> int:
    """Run what the journal does not hold yet; give the number of findings."""
    journal = kept / "files.jsonl"
    done = {(chunk.target, chunk.first, chunk.count) for chunk in read_chunks(journal, seed)}
    for target in TARGETS.values():
        own = round(cases * target.share)
        for first in range(0, own, CHUNK):
            count = min(CHUNK, own - first)
            if (target.name, first, count) in done:
                continue
            chunk = run_chunk(target.name, seed, first, count, kept)
            add_chunk(journal, chunk)
            told = f"{target.name} {first + count:,} of {own:,}"
            print(told, *chunk.findings, sep="\n  ", file=sys.stderr, flush=True)
    chunks = read_chunks(journal, seed)
    print(table(chunks))
    return sum(len(chunk.findings) for chunk in chunks)


def send_calls(least: int, seed: int) -> int:
    """Call the API; give the number of findings."""
    calls = make_calls(least, seed)
    told = ", ".join(f"{count:,} {status}" for status, count in sorted(calls.statuses.items()))
    print(f"{calls.count:,} calls of {calls.operations} operations: {told}")
    for what, words in calls.findings.items():
        print(f"{what}\n{words}", file=sys.stderr)
    return len(calls.findings)


def send_films(damaged: int, seed: int) -> int:
    """Send films to a service that reads with the shipped bundle; give the number of findings."""
    films = live.send_all(damaged, seed, bundles=live.BUNDLES)
    told = ", ".join(f"{count:,} {code}" for code, count in films.codes.most_common())
    print(f"{films.real} real and {films.damaged} damaged films: {told}")
    print(*films.findings, sep="\n", file=sys.stderr)
    return len(films.findings)


if __name__ == "__main__":
    typer.run(main)
