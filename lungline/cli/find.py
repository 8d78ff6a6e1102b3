"""`lungline find`: films of all jobs."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Annotated, Any

import typer

from lungline.cli.app import app
from lungline.cli.console import printable
from lungline.cli.printing import JsonOption, json_line, print_words
from lungline.cli.service import UrlOption, connect
from lungline.cli.terms import MetadataOption, read_terms
from lungline.client import InputUnusable

EXAMPLES = """Examples:

lungline find --external-id A-17/0001

lungline find --study 7b1e7b1e7b1e7b1e7b1e7b1e7b1e7b1e

lungline find --metadata ward=A-17 --metadata age=3

lungline find --external-id A-17/0001 --json | jq .prediction.top_label
"""


@app.command(epilog=EXAMPLES)
def find(
    external_id: Annotated[
        str | None, typer.Option(metavar="ID", help="Your own id that the film came with.")
    ] = None,
    study: Annotated[
        str | None, typer.Option(metavar="HASH", help="The study_hash of films of one study.")
    ] = None,
    metadata: MetadataOption = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Most films to list.")] = 100,
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """Find films of all jobs, newest first: id, job, where it stands, what it shows, name.

    What shows on a film is for research use only, and no diagnosis.
    """
    terms = read_terms(metadata)
    if external_id is None and study is None and not terms:
        raise InputUnusable("name --external-id, --study or --metadata, or several of them")
    with connect(url) as client:
        found = client.find(external_id=external_id, study=study, metadata=terms)
        for item in islice(found, limit):
            print_words(json_line(item) if as_json else _line(item))


def _line(item: Mapping[str, Any]) -> str:
    shown = item["prediction"]["top_label"] if item["prediction"] else item["status"]
    return f"{item['id']}  {item['job_id']}  {printable(shown)}  {printable(item['name'])}"
