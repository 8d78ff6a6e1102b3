"""`lungline usage`: what was submitted, month by month."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from lungline.cli.app import app
from lungline.cli.console import amount, output, size
from lungline.cli.service import UrlOption, connect


@app.command()
def usage(
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
    url: UrlOption = None,
) -> None:
    """Tell open jobs, and films and bytes submitted in each month; deleted jobs count too."""
    with connect(url) as client:
        told = client.usage()
    if as_json:
        output().print(json.dumps(told), soft_wrap=True)
        return
    output().print(amount(told["open_jobs"], "open job"))
    for month in told["months"]:
        output().print(
            f"{month['month']}  {amount(month['films'], 'film')}, {size(month['bytes'])}"
        )
