"""`lungline cancel`: read no more films of a job."""

from __future__ import annotations

from lungline.cli.app import app
from lungline.cli.printing import JsonOption, print_job
from lungline.cli.service import UrlOption, connect
from lungline.cli.status import JobArgument

EXAMPLES = """Example:

lungline cancel 019ab3c1f2e47d0f8b1c2d3e4f506172
"""


@app.command(epilog=EXAMPLES)
def cancel(job_id: JobArgument, as_json: JsonOption = False, url: UrlOption = None) -> None:
    """Cancel a job: films that wait are not read, findings that are there stay."""
    with connect(url) as client:
        job = client.cancel(job_id)
    print_job(job, as_json)
