"""`lungline change`: another priority or name for a job."""

from __future__ import annotations

from typing import Annotated

import typer

from lungline.cli.app import app
from lungline.cli.printing import JsonOption, print_job
from lungline.cli.service import UrlOption, connect
from lungline.cli.status import JobArgument
from lungline.cli.submit import PriorityName

EXAMPLES = """Examples:

lungline change 019ab3c1f2e47d0f8b1c2d3e4f506172 --priority bulk

lungline change 019ab3c1f2e47d0f8b1c2d3e4f506172 --name "night shift, second half"
"""


@app.command(epilog=EXAMPLES)
def change(
    job_id: JobArgument,
    priority: Annotated[PriorityName | None, typer.Option(help="Which jobs go first.")] = None,
    name: Annotated[str | None, typer.Option(help="What people call the job.")] = None,
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """Change a job's priority or name."""
    with connect(url) as client:
        job = client.change(job_id, name=name, priority=priority)
    print_job(job, as_json)
