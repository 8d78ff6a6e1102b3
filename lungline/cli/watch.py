"""`lungline watch`: follow a job until it has ended."""

from __future__ import annotations

import typer

from lungline.cli.app import app
from lungline.cli.ending import exit_code_of_job
from lungline.cli.interrupts import interruptible, reading_goes_on
from lungline.cli.printing import JsonOption, print_job
from lungline.cli.progress import show_reading
from lungline.cli.service import UrlOption, connect
from lungline.cli.status import JobArgument
from lungline.cli.submitting import away_once

EXAMPLES = """Examples:

lungline watch 019ab3c1f2e47d0f8b1c2d3e4f506172

lungline watch 019ab3c1f2e47d0f8b1c2d3e4f506172 --json | jq .counts
"""


@app.command(epilog=EXAMPLES)
def watch(job_id: JobArgument, as_json: JsonOption = False, url: UrlOption = None) -> None:
    """Follow a job until it has ended, and tell how. Exit code 3 when not every film was read.

    Ctrl-C stops watching and nothing else. A service that goes away may come back within two
    minutes.
    """
    with connect(url) as client, interruptible(reading_goes_on(job_id)):
        client.job(job_id)  # a service that was never there is not waited for
        job = show_reading(client.watch(job_id, away_once()))
    print_job(job, as_json)
    raise typer.Exit(exit_code_of_job(job))
