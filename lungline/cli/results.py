"""`lungline results`: findings out."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO, cast

import typer

from lungline.cli.app import app
from lungline.cli.console import tell
from lungline.cli.exporting import copy_export
from lungline.cli.interrupts import interruptible
from lungline.cli.service import UrlOption, connect
from lungline.cli.status import JobArgument
from lungline.cli.whole_file import whole_file
from lungline.client import InputUnusable, LunglineClient, ResultsFormat
from lungline.domain import ExportFormat

EXAMPLES = """Examples:

lungline results 019ab3c1f2e47d0f8b1c2d3e4f506172 --output findings.csv

lungline results 019ab3c1f2e47d0f8b1c2d3e4f506172 --format ndjson | head

lungline results 019ab3c1f2e47d0f8b1c2d3e4f506172 --format overlays --output overlays.zip
"""


_FORMATS: dict[str, ResultsFormat] = {
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".parquet": "parquet",
}


@app.command(epilog=EXAMPLES)
def results(
    job_id: JobArgument,
    kind: Annotated[
        ExportFormat | None,
        typer.Option("--format", "-f", help="Form of the results [csv, or by the file's name]."),
    ] = None,
    path: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write; without it, standard output."),
    ] = None,
    background: Annotated[
        bool,
        typer.Option(
            "--background", help="Let the service make the file first; the job must have ended."
        ),
    ] = False,
    ignored: Annotated[
        bool,
        typer.Option(
            "--ignored", help="Also a line for each entry of the archive that is no film."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format ndjson.")] = False,
    url: UrlOption = None,
) -> None:
    """Write a job's findings, one line a film. Films that are not read yet are there too.

    As `masks`, `overlays` or `heatmaps`: a zip with a picture of each film, made in the background.
    """
    chosen = ExportFormat.NDJSON if as_json else kind or ExportFormat(format_of(path))
    if ignored and (background or chosen.pictures):
        raise InputUnusable("--ignored goes with findings that are not made in the background")
    kept = "the findings are not whole" if path is None else f"{path} stays as it was"
    with (
        connect(url) as client,
        interruptible(f"{kept}; give the command again"),
        _target(path) as target,
    ):
        if background or chosen.pictures:
            copy_export(client, job_id, chosen, target)
        else:
            _copy(client, job_id, cast(ResultsFormat, chosen.value), target, ignored=ignored)
    if path is not None:
        tell(f"Wrote the {chosen if chosen.pictures else 'findings'} to {path}")


def format_of(path: Path | None) -> ResultsFormat:
    """Choose the format by a file's name."""
    return _FORMATS.get(path.suffix.lower(), "csv") if path else "csv"


def save_results(
    client: LunglineClient, job_id: str, path: Path, kind: ResultsFormat | None = None
) -> None:
    """Write a job's findings into a file: all of them, or the file stays as it was."""
    with whole_file(path) as file:
        _copy(client, job_id, kind or format_of(path), file)
    tell(f"Wrote the findings to {path}")


def _copy(
    client: LunglineClient,
    job_id: str,
    kind: ResultsFormat,
    target: BinaryIO,
    *,
    ignored: bool = False,
) -> None:
    with client.results(job_id, kind, ignored=ignored) as pieces:
        for piece in pieces:
            target.write(piece)
    target.flush()


@contextmanager
def _target(path: Path | None) -> Iterator[BinaryIO]:
    """The file to write, or standard output."""
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    else:
        with whole_file(path) as file:
            yield file
