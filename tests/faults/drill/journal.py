"""Rounds that were run, a line each, so that a drill of hours goes on after a stop."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from tests.faults.drill.drill import Outcome


@dataclass(frozen=True, slots=True)
class Round:
    """One round of one fault.

    Attributes:
        pair: On which servers.
        fault: Its name.
        seed: Of films, moment and choice.
        outcome: What it showed.
        revision: Of the code that was broken; empty where it is not known.
    """

    pair: str
    fault: str
    seed: int
    outcome: Outcome
    revision: str = ""


def add_round(path: Path, round_: Round) -> None:
    """Keep a round, of its outcome what is not as in a good one."""
    kept = asdict(round_) | {"outcome": _unusual(round_.outcome)}
    with path.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(kept, separators=(",", ":")) + "\n")


def _unusual(outcome: Outcome) -> dict[str, Any]:
    usual = asdict(Outcome())
    return {
        name: round(value, 2) if isinstance(value, float) else value
        for name, value in asdict(outcome).items()
        if value != usual[name]
    }


def read_rounds(path: Path) -> list[Round]:
    """Read what was kept."""
    return list(_rounds(path)) if path.exists() else []


def _rounds(path: Path) -> Iterator[Round]:
    for line in path.read_text(encoding="utf-8").splitlines():
        kept = json.loads(line)
        yield Round(**kept | {"outcome": Outcome(**kept["outcome"])})


def table(rounds: Sequence[Round]) -> str:
    """Lay rounds out as Markdown: a row a fault and pair."""
    heads = ("fault", "servers", "rounds", "lost", "double", "differ", "stuck or wrong")
    lines = [(*heads, "work goes on after, s", "at most, s"), ("---", "---", *(["--:"] * 7))]
    for fault, pair in sorted({(each.fault, each.pair) for each in rounds}):
        shown = [each.outcome for each in rounds if (each.fault, each.pair) == (fault, pair)]
        times = [each.resumed_seconds for each in shown if each.resumed_seconds is not None]
        lines.append(
            (
                *(fault, pair, str(len(shown))),
                *(str(sum(getattr(each, name) for each in shown)) for name in COUNTED),
                str(sum(bool(each.stuck or each.wrong) for each in shown)),
                f"{median(times):.1f}" if times else "",
                f"{max(times):.1f}" if times else "",
            )
        )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


COUNTED = ("lost", "double", "differ")
