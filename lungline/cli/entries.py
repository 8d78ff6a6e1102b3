"""`lungline entries`: what an archive held, and what became of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from lungline.cli.app import app
from lungline.cli.console import output, printable
from lungline.cli.service import UrlOption, connect
from lungline.cli.status import JobArgument
from lungline.domain import EntryOutcome

EXAMPLES = """Examples:

lungline entries 019ab3c1f2e47d0f8b1c2d3e4f506172

lungline entries 019ab3c1f2e47d0f8b1c2d3e4f506172 --outcome rejected

lungline entries 019ab3c1f2e47d0f8b1c2d3e4f506172 --json | jq -r .sha256
"""


@app.command(epilog=EXAMPLES)
def entries(
    job_id: JobArgument,
    outcome: Annotated[
        EntryOutcome | None, typer.Option(help="Only entries that became this.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print each entry as one line of JSON.")
    ] = False,
    url: UrlOption = None,
) -> None:
    """List the entries of a job's archive in its order: what became of each, name, why."""
    with connect(url) as client:
        for entry in client.entries(job_id, outcome=outcome):
            text = json.dumps(entry) if as_json else _line(entry)
            output().print(text, soft_wrap=True)


def _line(entry: Mapping[str, Any]) -> str:
    words = f"{entry['outcome']:<9}  {printable(entry['name'])}"
    if entry["duplicate_of"]:
        words += f"  (the same film as item {entry['duplicate_of']})"
    if entry["error"]:
        words += f"  ({entry['error']['code']}: {printable(entry['error']['reason'] or '')})"
    return words
