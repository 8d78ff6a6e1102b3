"""`lungline status`: where a job stands."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from lungline.cli.app import app
from lungline.cli.console import output
from lungline.cli.ending import describe, exit_code_of_job
from lungline.cli.progress import pace, show_reading
from lungline.cli.service import UrlOption, connect
from lungline.cli.submitting import away_once

EXAMPLES = """Examples:

lungline status 019ab3c1f2e47d0f8b1c2d3e4f506172

lungline status 019ab3c1f2e47d0f8b1c2d3e4f506172 --watch
"""

JobArgument = Annotated[str, typer.Argument(help="Id of the job.", metavar="JOB")]


@app.command(epilog=EXAMPLES)
def status(
    job_id: JobArgument,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Wait until the job has ended.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the job as JSON.")] = False,
    url: UrlOption = None,
) -> None:
    """Tell where a job stands. With --watch, exit code 3 when not every film was read."""
    with connect(url) as client:
        job = show_reading(client.watch(job_id, away_once())) if watch else client.job(job_id)
    words = ", ".join(filter(None, (describe(job), pace(job))))
    text = json.dumps(job.wire) if as_json else words
    output().print(text, soft_wrap=True, markup=False)
    if watch:
        raise typer.Exit(exit_code_of_job(job))
