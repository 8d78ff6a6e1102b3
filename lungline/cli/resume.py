"""`lungline resume`: let a paused job go on."""

from __future__ import annotations

from lungline.cli.app import app
from lungline.cli.printing import JsonOption, print_job
from lungline.cli.service import UrlOption, connect
from lungline.cli.status import JobArgument

EXAMPLES = """Example:

lungline resume 019ab3c1f2e47d0f8b1c2d3e4f506172
"""


@app.command(epilog=EXAMPLES)
def resume(job_id: JobArgument, as_json: JsonOption = False, url: UrlOption = None) -> None:
    """Let a paused job go on, in its turn."""
    with connect(url) as client:
        job = client.resume(job_id)
    print_job(job, as_json)
