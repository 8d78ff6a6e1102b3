"""`lungline pause`: read nothing new of a job for now."""

from __future__ import annotations

from lungline.cli.app import app
from lungline.cli.console import output
from lungline.cli.ending import describe
from lungline.cli.service import UrlOption, connect
from lungline.cli.status import JobArgument

EXAMPLES = """Example:

lungline pause 019ab3c1f2e47d0f8b1c2d3e4f506172
"""


@app.command(epilog=EXAMPLES)
def pause(job_id: JobArgument, url: UrlOption = None) -> None:
    """Pause a job: films that wait are not read until it is resumed."""
    with connect(url) as client:
        job = client.pause(job_id)
    output().print(describe(job), soft_wrap=True, markup=False)
