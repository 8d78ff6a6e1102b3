"""`lungline status`: where a job stands."""

from __future__ import annotations

from typing import Annotated

import typer

from lungline.cli.app import app
from lungline.cli.ending import describe, exit_code_of_job
from lungline.cli.interrupts import interruptible, reading_goes_on
from lungline.cli.printing import JsonOption, json_line, print_words
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
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """Tell where a job stands. With --watch, exit code 3 when not every film was read."""
    with connect(url) as client, interruptible(reading_goes_on(job_id) if watch else ""):
        job = client.job(job_id)  # a service that was never there is not waited for
        if watch:
            job = show_reading(client.watch(job_id, away_once()))
    words = ", ".join(filter(None, (describe(job), pace(job))))
    print_words(json_line(job.wire) if as_json else words)
    if watch:
        raise typer.Exit(exit_code_of_job(job))
