"""`lungline jobs`: which jobs there are."""

from __future__ import annotations

import json
from itertools import islice
from typing import Annotated

import typer

from lungline.cli.app import app
from lungline.cli.console import output
from lungline.cli.ending import describe
from lungline.cli.service import UrlOption, connect
from lungline.cli.terms import MetadataOption, read_terms
from lungline.domain import JobStatus

EXAMPLES = """Examples:

lungline jobs

lungline jobs --status failed --limit 100

lungline jobs --name "night shift" --created-after 2026-01-01

lungline jobs --metadata ward=A-17

lungline jobs --json | jq -r .id
"""


@app.command(epilog=EXAMPLES)
def jobs(
    status: Annotated[JobStatus | None, typer.Option(help="Only jobs that stand there.")] = None,
    name: Annotated[str | None, typer.Option(help="Only jobs that are called exactly so.")] = None,
    created_after: Annotated[
        str | None, typer.Option(help="Only jobs made after this time (ISO 8601).")
    ] = None,
    metadata: MetadataOption = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Most jobs to list.")] = 20,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print each job as one line of JSON.")
    ] = False,
    url: UrlOption = None,
) -> None:
    """List jobs, newest first: id, where it stands, name."""
    terms = read_terms(metadata)
    with connect(url) as client:
        found = client.jobs(status=status, name=name, created_after=created_after, metadata=terms)
        for job in islice(found, limit):
            words = f"{job.id}  {describe(job)}" + (f"  ({job.name})" if job.name else "")
            text = json.dumps(job.wire) if as_json else words
            output().print(text, soft_wrap=True)
