"""What commands print of a job: words for people, or JSON for programs."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from lungline.cli.console import output
from lungline.cli.ending import describe
from lungline.client import Job

JsonOption = Annotated[
    bool, typer.Option("--json", help="Print JSON, one line each, in place of words.")
]


def print_job(job: Job, as_json: bool) -> None:
    """Print where a job stands."""
    print_words(json_line(job.wire) if as_json else describe(job))


def print_words(text: str) -> None:
    """Print a line as it is, however long."""
    output().print(text, soft_wrap=True)


def json_line(value: Any) -> str:
    """A value as one line of JSON; the terminal's encoding does not matter to it."""
    return json.dumps(value)
