"""`lungline submit`: films in."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from lungline.cli.app import app
from lungline.cli.console import output, tell
from lungline.cli.ending import exit_code_of_job, tell_end
from lungline.cli.exits import ExitCode
from lungline.cli.interrupts import interruptible, reading_goes_on
from lungline.cli.progress import show_reading
from lungline.cli.service import UrlOption, connect
from lungline.cli.submitting import (
    away_once,
    check_manifest,
    check_single,
    find_films,
    json_object,
    submit_all,
    submit_prefix,
)
from lungline.client import Inputs, InputUnusable, Job, JobOptions, LunglineClient

EXAMPLES = """Examples:

lungline submit film.png --watch

lungline submit ward-3/ more/ --name "night shift" --watch

lungline submit films.zip more.tar.gz --priority bulk

lungline submit films/ --json | jq -r .id

lungline submit films.zip --manifest list.csv

lungline submit --prefix ward/2026-01/ --manifest list.csv --watch

lungline submit --from-job 019ab3c1f2e47d0f8b1c2d3e4f506172 --model NAME@VERSION

lungline submit film.dcm --external-id A-17/0001 --film-metadata '{"age": 3}'
"""
SENDING_BROKEN = (
    "what was told as sent is a job, the rest is not; the same command again sends parts that are "
    "missing"
)


class PriorityName(StrEnum):
    """Priorities as people write them."""

    INTERACTIVE = "interactive"
    NORMAL = "normal"
    BULK = "bulk"


@app.command(epilog=EXAMPLES)
def submit(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Films (JPEG, PNG, DICOM), folders of films, archives of films (zip, tar)."
        ),
    ] = None,
    prefix: Annotated[
        str | None,
        typer.Option(
            metavar="PLACE",
            help="Films that the service reads itself, NAME/FOLDER/ as its operator allows.",
        ),
    ] = None,
    manifest: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="CSV or NDJSON with your own ids and words on each film, by its name.",
        ),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Wait until the films are read.")
    ] = False,
    name: Annotated[str | None, typer.Option(help="What people call the job.")] = None,
    bundle: Annotated[
        str | None,
        typer.Option("--model", "--bundle", help="Model bundle, as NAME or NAME@VERSION."),
    ] = None,
    priority: Annotated[PriorityName | None, typer.Option(help="Which jobs go first.")] = None,
    expires_in: Annotated[
        int | None,
        typer.Option(min=1, help="Seconds after which films that still wait are given up."),
    ] = None,
    metadata: Annotated[
        str | None,
        typer.Option(metavar="JSON", help="Your own words on the job, a JSON object."),
    ] = None,
    external_id: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Your own id of the film, when you submit a single one."),
    ] = None,
    film_metadata: Annotated[
        str | None,
        typer.Option(metavar="JSON", help="Your own words on that film, a JSON object."),
    ] = None,
    from_job: Annotated[
        str | None,
        typer.Option(
            "--from-job", metavar="JOB", help="Read the films of this job again; no paths then."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print each job as one line of JSON.")
    ] = False,
    url: UrlOption = None,
) -> None:
    """Submit films: all films and folders as one job, each archive as one more.

    Prints the ids of the jobs. What is larger than 64 MB goes in parts: after a break the same
    command sends only what is missing. What you say of a job or a film comes back with it. Other
    files in a folder are left out with a note. With --watch the exit code is 3 when not every film
    was read.
    """
    if sum(map(bool, (paths, prefix, from_job))) != 1:
        raise InputUnusable("give either paths, or --prefix alone, or --from-job alone")
    inputs = find_films(paths) if paths else Inputs()
    options = JobOptions(
        name=name,
        bundle=bundle,
        priority=priority,
        expires_in=expires_in,
        metadata=json_object("--metadata", metadata),
        external_id=external_id,
        film_metadata=json_object("--film-metadata", film_metadata),
    )
    check_single(inputs, options)
    if not prefix:
        check_manifest(inputs, manifest)
    with connect(url) as client:
        with interruptible(SENDING_BROKEN):
            if prefix:
                jobs = [submit_prefix(client, prefix, options, manifest)]
            elif from_job:
                jobs = [client.submit_again(from_job, options)]
            else:
                jobs = list(submit_all(client, inputs, options, manifest))
        ended = [_follow(client, job) if watch else job for job in jobs]
    for job in ended:
        output().print(json.dumps(job.wire) if as_json else job.id, soft_wrap=True)
    if watch:
        raise typer.Exit(max((exit_code_of_job(job) for job in ended), default=ExitCode.DONE))
    if not as_json:
        tell(f"Follow with: lungline watch {jobs[0].id}", style="dim")


def _follow(client: LunglineClient, job: Job) -> Job:
    with interruptible(reading_goes_on(job.id)):
        last = show_reading(client.watch(job.id, away_once()))
    tell_end(last)
    return last
