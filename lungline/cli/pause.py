"""`lungline pause`: read nothing new of a job for now."""

from __future__ import annotations

from lungline.cli.app import app
from lungline.cli.printing import JsonOption, print_job
from lungline.cli.service import UrlOption, connect
from lungline.cli.status import JobArgument

EXAMPLES = """Example:

lungline pause 019ab3c1f2e47d0f8b1c2d3e4f506172
"""


@app.command(epilog=EXAMPLES)
def pause(job_id: JobArgument, as_json: JsonOption = False, url: UrlOption = None) -> None:
    """Pause a job: films that wait are not read until it is resumed."""
    with connect(url) as client:
        job = client.pause(job_id)
    print_job(job, as_json)
