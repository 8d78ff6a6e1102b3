"""`lungline demo`: start, read films, show the findings."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from lungline.cli.app import app
from lungline.cli.console import output, tell
from lungline.cli.ending import tell_end
from lungline.cli.exits import ExitCode
from lungline.cli.findings import Findings, read_findings, show_findings
from lungline.cli.printing import JsonOption, print_job, print_words
from lungline.cli.progress import show_reading
from lungline.cli.results import save_results
from lungline.cli.service import page_address
from lungline.cli.starting import await_ready, tell_stopped, watch
from lungline.cli.submitting import find_films, submit_all
from lungline.client import Inputs, InputUnusable, Job, JobOptions, LunglineClient
from lungline.settings import load_settings
from lungline.stack import Interrupted, StackFailed, Supervisor, open_stack
from lungline.stack.checkout import find_checkout

DEMO_FILMS = "ml/demofilms/films"
SYNTHETIC_NOTE = "These films are synthetic: drawn at random by a program, no child's picture."

EXAMPLES = """Examples:

lungline demo

lungline demo --films my-films/ --results findings.csv --once
"""


@app.command(epilog=EXAMPLES)
def demo(
    films: Annotated[
        Path | None, typer.Option(help="Your films: a folder, a zip or a film [24 synthetic ones].")
    ] = None,
    results: Annotated[
        Path | None, typer.Option(help="Also write the findings here (.csv or .ndjson).")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Data folder to use and keep [a fresh temporary one].")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Stop everything after the table.")] = False,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the API; 0: a free one.")
    ] = 0,
    as_json: JsonOption = False,
) -> None:
    """Start the service, read films, show what was found and where to look at it.

    Without --once the service stays up until Ctrl-C. The exit code is 0 when at least one film
    was read; films that cannot be read stand in the table with their reason.
    """
    inputs = find_films([films or find_checkout() / DEMO_FILMS])
    _check_results(results)
    found: Findings | None = None
    with _data_folder(data, keep=not once) as folder:
        settings = load_settings(data_dir=folder, api_port=port, api_host="127.0.0.1", auth="none")
        with open_stack(settings) as supervisor:
            try:
                await_ready(supervisor)
                job, found = _read(supervisor, inputs, results)
                if as_json:
                    print_job(job, as_json)
                else:
                    _show(supervisor, job, found, synthetic=films is None)
                if not once:
                    page = page_address(supervisor.plan.settings.url, job.id)
                    say = tell if as_json else print_words
                    say(f"Look at it: {page}")
                    tell(f"The service stays up until Ctrl-C; its data is in {folder}")
                    watch(supervisor)
            except Interrupted as signal:
                tell(f"{signal}: stopping; a second one stops at once")
                if found is None:
                    raise
        tell_stopped(supervisor)
    raise typer.Exit(ExitCode.DONE if found.labels else ExitCode.NOT_ALL_READ)


@contextmanager
def _data_folder(chosen: Path | None, *, keep: bool) -> Iterator[Path]:
    """Yield the data folder: the chosen one, or a temporary one that is removed unless kept.

    It is kept too when a part failed: its logs say why.
    """
    if chosen:
        yield chosen
        return
    folder = Path(tempfile.mkdtemp(prefix="lungline-demo-"))
    try:
        yield folder
    except StackFailed:
        raise
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    if not keep:
        shutil.rmtree(folder, ignore_errors=True)


def _check_results(path: Path | None) -> None:
    if path and not path.resolve().parent.is_dir():
        raise InputUnusable(f"{path}: there is no folder {path.parent}")


def _read(supervisor: Supervisor, inputs: Inputs, results: Path | None) -> tuple[Job, Findings]:
    """Submit and wait; returns the job and what was found."""
    url = supervisor.plan.settings.url
    with LunglineClient(url) as client:
        (job,) = submit_all(client, inputs, JobOptions())
        job = show_reading(client.watch(job.id))
        with client.results(job.id, "ndjson") as pieces:
            findings = read_findings(pieces)
        if results:
            save_results(client, job.id, results)
    return job, findings


def _show(supervisor: Supervisor, job: Job, findings: Findings, *, synthetic: bool) -> None:
    console = output()
    show_findings(console, findings)
    if synthetic:
        console.print(SYNTHETIC_NOTE)
    tell_end(job)
    tell(f"Ready to read after {supervisor.ready_seconds:.1f} s", style="dim")
