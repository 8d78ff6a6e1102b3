"""`lungline retry`: read what failed again."""

from __future__ import annotations

from typing import Annotated

import typer

from lungline.cli.app import app
from lungline.cli.console import amount, tell
from lungline.cli.ending import exit_code_of_job
from lungline.cli.interrupts import interruptible, reading_goes_on
from lungline.cli.printing import JsonOption, print_job
from lungline.cli.progress import show_reading
from lungline.cli.service import UrlOption, connect
from lungline.cli.status import JobArgument
from lungline.cli.submitting import away_once

EXAMPLES = """Example:

lungline retry 019ab3c1f2e47d0f8b1c2d3e4f506172 --watch
"""


@app.command(epilog=EXAMPLES)
def retry(
    job_id: JobArgument,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Wait until the job has ended.")
    ] = False,
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """Read the films of an ended job that failed again; findings that are there stay.

    An archive that was given up is expanded further, from where it was left.
    """
    with connect(url) as client:
        retried = client.retry(job_id)
        if retried.job.status == "expanding":
            tell("Expanding the archive further, from where it was left")
        if retried.retried or retried.job.status != "expanding":
            tell(f"Reading {amount(retried.retried, 'film')} again")
        if retried.refused:
            tell(f"Left as they are, refused when they came: {amount(retried.refused, 'film')}")
        with interruptible(reading_goes_on(job_id)):
            job = show_reading(client.watch(job_id, away_once())) if watch else retried.job
    print_job(job, as_json)
    if watch:
        raise typer.Exit(exit_code_of_job(job))
