"""Break a real stack on purpose, round after round; the same command goes on where it was.

Each round submits an archive of 300 films, breaks something in the middle of it, waits for the end
and checks: each film was read exactly once with the findings of an undisturbed run, only films that
kill their reader have failed, counters equal their rows, no row is without its object and no object
without an owner, and the stack serves another job without help.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from tests.faults.drill.drill import Drill, Fault
from tests.faults.drill.faults import FAULTS
from tests.faults.drill.journal import Round, add_round, read_rounds, table
from tests.faults.drill.pairs import EMBEDDED, SERVERS, running_pair
from tests.faults.drill.stack import QUICK, Stack
from tests.fixtures.parts import REPOSITORY

REVISION = subprocess.run(
    ("git", "describe", "--always", "--dirty", "--abbrev=7"),
    cwd=REPOSITORY,
    capture_output=True,
    text=True,
    check=False,
).stdout.strip()
ROUNDS_A_STACK = 12
"""After that many a new stack takes over: what a round compares is all that the stack ever read."""
SERVED = {EMBEDDED: {"", "local"}, SERVERS: {"", "postgres", "seaweed"}}


def main(
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of each fault.")] = 1,
    pair: Annotated[
        list[str] | None, typer.Option(help=f"{EMBEDDED} or {SERVERS}; both by default.")
    ] = None,
    fault: Annotated[
        list[str] | None, typer.Option(help="Only faults whose name holds this; repeat for more.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the first round; further ones count on.")] = 1,
    journal: Annotated[Path, typer.Option(help="Where rounds are kept.")] = Path(
        "runs/faults.jsonl"
    ),
    real: Annotated[
        bool, typer.Option(help="Read with the shipped bundle, under the default settings.")
    ] = False,
    only_table: Annotated[
        bool, typer.Option("--table", help="Break nothing; print what the journal holds.")
    ] = False,
) -> None:
    """Break the stack on purpose and say what was lost and how long it took.

    Runs of different seeds may go on beside each other, with one journal.
    """
    if only_table:
        print(table(read_rounds(journal)))
        return
    chosen = [f for f in FAULTS.values() if not fault or any(word in f.name for word in fault)]
    if not chosen:
        raise SystemExit(f"no fault is called so; there are: {', '.join(FAULTS)}")
    journal.parent.mkdir(parents=True, exist_ok=True)
    bad = 0
    for name in pair or (EMBEDDED, SERVERS):
        served = [each for each in chosen if each.needs in SERVED[name]]
        bad += _drill(name, served, range(seed, seed + rounds), journal, real=real)
    print(table(read_rounds(journal)))
    raise SystemExit(1 if bad else 0)


def _drill(pair: str, faults: list[Fault], seeds: range, journal: Path, *, real: bool) -> int:
    """Run what the journal does not hold yet; give the number of rounds that went wrong."""
    told = f"{pair}, real" if real else pair
    done = {(each.pair, each.fault, each.seed) for each in read_rounds(journal)}
    open_rounds = [
        (fault, seed) for seed in seeds for fault in faults if (told, fault.name, seed) not in done
    ]
    bad = 0
    while open_rounds:
        with tempfile.TemporaryDirectory(prefix="lungline-drill-") as name:
            bad += _on_one_stack(pair, told, open_rounds, journal, Path(name), real=real)
    return bad


def _on_one_stack(
    pair: str,
    told: str,
    open_rounds: list[tuple[Fault, int]],
    journal: Path,
    folder: Path,
    *,
    real: bool,
) -> int:
    """Break one stack again and again, for some rounds or until one goes wrong."""
    plan: dict[str, Any] = {"batch_seconds": 0.0 if real else 0.3, "real": real}
    with running_pair(pair, folder) as servers, Stack(servers, folder, plan, **_changes(real)) as s:
        for _ in range(min(ROUNDS_A_STACK, len(open_rounds))):
            fault, seed = open_rounds.pop(0)
            outcome = Drill(s, seed * 1000 + sorted(FAULTS).index(fault.name)).run(fault)
            add_round(journal, Round(told, fault.name, seed, outcome, REVISION))
            print(f"{told}: {fault.name}, seed {seed}: {outcome}", file=sys.stderr, flush=True)
            if not outcome.good:
                _keep_logs(s, journal, fault.name, seed)
                return 1
    return 0


def _changes(real: bool) -> dict[str, Any]:
    if not real:
        return QUICK
    return {"bundles_dir": REPOSITORY / "ml" / "bundles", "bundle": "paediatric-pneumonia"}


def _keep_logs(stack: Stack, journal: Path, fault: str, seed: int) -> None:
    """Keep the logs of a stack on which a round went wrong."""
    kept = journal.with_suffix("") / f"{fault.replace(' ', '-')}-{seed}"
    kept.mkdir(parents=True, exist_ok=True)
    for log in stack.settings.data_dir.glob("*.log"):
        os.replace(log, kept / log.name)
    print(f"logs kept in {kept}", file=sys.stderr)


if __name__ == "__main__":
    typer.run(main)
