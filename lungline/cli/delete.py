"""`lungline delete`: forget a job and its films."""

from __future__ import annotations

from typing import Annotated

import typer

from lungline.cli.app import app
from lungline.cli.asking import confirmed
from lungline.cli.console import tell
from lungline.cli.exits import ExitCode
from lungline.cli.printing import JsonOption, json_line, print_words
from lungline.cli.service import UrlOption, connect
from lungline.cli.status import JobArgument

EXAMPLES = """Examples:

lungline delete 019ab3c1f2e47d0f8b1c2d3e4f506172

lungline delete 019ab3c1f2e47d0f8b1c2d3e4f506172 --yes
"""


@app.command(epilog=EXAMPLES)
def delete(
    job_id: JobArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """Delete an ended job for ever: its findings, and films that no other job has."""
    if not yes and not confirmed(
        f"Delete job {job_id} with its films and findings, for ever?", "--yes"
    ):
        tell("Nothing was deleted")
        raise typer.Exit(ExitCode.SERVICE)
    with connect(url) as client:
        client.delete(job_id)
    if as_json:
        print_words(json_line({"deleted": job_id}))
    else:
        tell(f"Deleted job {job_id}")
