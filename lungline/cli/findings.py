"""The table of findings that a demonstration ends with."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lungline.cli.console import amount, printable
from lungline.client.results import lines_of

MOST_ROWS = 40
BAR_CELLS = 12  # with a demo film's name a row fits into 80 columns
OUT = "out_of_distribution"
RESEARCH_NOTE = "For research only: no finding here is a diagnosis."

Row = Mapping[str, Any]


@dataclass(slots=True)
class Findings:
    """Findings of a job, of any size: the first rows, and counts of all.

    Attributes:
        first: At most `MOST_ROWS` rows, as the service wrote them.
        rows: Number of all rows.
        labels: How often each label came first.
        errors: How often each error code ended an item.
        statuses: How many items ended in each status.
        flags: How often a film was called out of distribution, and how often each flag was set.
    """

    first: list[Row] = field(default_factory=list)
    rows: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    flags: Counter[str] = field(default_factory=Counter)

    def add(self, row: Row) -> None:
        """Count one row, and keep it while there is room."""
        self.rows += 1
        self.statuses[row["status"]] += 1
        if row.get("top_label"):
            self.labels[row["top_label"]] += 1
        if row.get("in_distribution") is False:
            self.flags[OUT] += 1
        self.flags.update(row.get("flags") or ())
        if row.get("error_code"):
            self.errors[row["error_code"]] += 1
        if len(self.first) < MOST_ROWS:
            self.first.append(row)


def read_findings(pieces: Iterable[bytes]) -> Findings:
    """Read a job's NDJSON results, line by line."""
    findings = Findings()
    for line in lines_of(pieces):
        findings.add(json.loads(line))
    return findings


def show_findings(console: Console, findings: Findings) -> None:
    """Print the table, what it leaves out, and the counts."""
    console.print(_table(findings))
    hidden = findings.rows - len(findings.first)
    if hidden:
        console.print(f"... and {amount(hidden, 'film')} more")
    for title, counts in (
        ("Findings", findings.labels),
        ("Films", findings.statuses),
        ("Flagged", findings.flags),
        ("Not read", findings.errors),
    ):
        if counts:
            words = ", ".join(f"{count:,} {_spaced(name)}" for name, count in counts.most_common())
            console.print(Text(f"{title}: {words}"))
    console.print(Text(RESEARCH_NOTE, style="bold"))


def _table(findings: Findings) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("film", overflow="fold")
    table.add_column("finding")
    table.add_column("probability", no_wrap=True)
    for row in findings.first:
        table.add_row(Text(printable(row["name"])), *_cells(row))
    return table


def _cells(row: Row) -> tuple[Text, Text]:
    label = row.get("top_label")
    if not label:
        reason = row.get("error_reason") or row.get("error_code") or ""
        return Text(f"{row['status']}: {printable(reason)}", style="yellow"), Text()
    probability = float(row["probabilities"][label])
    # A label that comes first but stays below its threshold is no positive finding.
    positive = any(item["label"] == label and item["positive"] for item in row["findings"])
    finding = Text(_spaced(label), "" if positive else "dim")
    if row.get("in_distribution") is False:
        # What the networks say of such a picture means nothing; the label stays, so that nobody
        # thinks it was not read.
        return finding.append(f"\n{_spaced(OUT)}", "yellow"), bar(probability)
    return finding, bar(probability)


def bar(probability: float) -> Text:
    """A probability as number and bar."""
    full = round(probability * BAR_CELLS)
    bar = Text("█" * full, "cyan").append("░" * (BAR_CELLS - full), "dim")
    return Text(f"{probability:.3f} ").append_text(bar)


def _spaced(name: str) -> str:
    return name.replace("_", " ")
