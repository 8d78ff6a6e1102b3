"""What was found out about films so far, a line each, so that a preparation can be continued."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

from ml.preparation.film import Facts

JOURNAL = "journal.ndjson"


def read_journal(folder: Path) -> dict[str, Facts]:
    """Read the facts of films by identifier, the last line of each; a torn line counts for none."""
    path = folder / JOURNAL
    if not path.exists():
        return {}
    facts = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            told = json.loads(line)
            told["original"], told["size"] = tuple(told["original"]), tuple(told["size"])
            facts[told["identifier"]] = Facts(**told)
        except (ValueError, KeyError, TypeError):
            continue
    return facts


@contextmanager
def open_journal(folder: Path) -> Iterator[TextIO]:
    """Open the journal to add to; a line that a kill tore is ended first."""
    path = folder / JOURNAL
    torn = path.exists() and not path.read_bytes().endswith(b"\n") and path.stat().st_size > 0
    with path.open("a", encoding="utf-8") as lines:
        if torn:
            lines.write("\n")
        yield lines


def add_facts(journal: TextIO, facts: Facts) -> None:
    """Add a film's facts; they are with the operating system when this returns."""
    journal.write(json.dumps(asdict(facts), ensure_ascii=False) + "\n")
    journal.flush()
