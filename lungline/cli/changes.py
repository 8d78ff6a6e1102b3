"""`lungline changes`: what a second reading found otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from lungline.cli.app import app
from lungline.cli.console import amount, printable
from lungline.cli.printing import JsonOption, json_line, print_words
from lungline.cli.service import UrlOption, connect
from lungline.cli.status import JobArgument

EXAMPLES = """Examples:

lungline changes 019ab3c1f2e47d0f8b1c2d3e4f506172

lungline changes 019ab3c1f2e47d0f8b1c2d3e4f506172 --summary

lungline changes 019ab3c1f2e47d0f8b1c2d3e4f506172 --json | jq -r .name
"""


@app.command(epilog=EXAMPLES)
def changes(
    job_id: JobArgument,
    summary: Annotated[
        bool, typer.Option("--summary", help="Count films, unchanged ones too, by both labels.")
    ] = False,
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """List films of a job made with `submit --from-job` whose top label is another now."""
    with connect(url) as client:
        found = client.change_counts(job_id) if summary else client.changes(job_id)
        for each in found:
            words = json_line(each) if as_json else _count(each) if summary else _film(each)
            print_words(words)


def _film(change: Mapping[str, Any]) -> str:
    readings = " -> ".join(_reading(change[side]) for side in ("from", "to"))
    return f"{printable(change['name'])}  {readings}"


def _reading(reading: Mapping[str, Any]) -> str:
    label = reading["top_label"]
    return f"{printable(label)} {reading['probabilities'][label]:.2f}"


def _count(move: Mapping[str, Any]) -> str:
    before, after = (printable(move[side] or "not read") for side in ("from", "to"))
    same = "  (the same)" if move["from"] == move["to"] else ""
    return f"{amount(move['count'], 'film')}  {before} -> {after}{same}"
