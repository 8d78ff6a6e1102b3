"""`lungline up`: the whole service on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lungline.cli.app import app
from lungline.cli.console import tell
from lungline.cli.starting import await_ready, tell_ignored, tell_ready, tell_stopped, watch
from lungline.settings import load_settings
from lungline.stack import Interrupted, open_stack

EXAMPLES = """Examples:

lungline up

lungline up --data /srv/lungline --port 9000 --processes 4
"""


@app.command(epilog=EXAMPLES)
def up(
    data: Annotated[
        Path | None, typer.Option(help="Folder for everything the service keeps [.lungline].")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port of the API [8570]; 0: a free one.")
    ] = None,
    host: Annotated[
        str | None, typer.Option(help="Address the API binds [127.0.0.1, this machine only].")
    ] = None,
    processes: Annotated[
        int | None, typer.Option(min=1, help="Processes that read films [one a core].")
    ] = None,
) -> None:
    """Start the service here and keep it up until Ctrl-C.

    Broker, API, workers and the sweep run as processes of their own; what dies is started again.
    Database, films and logs lie in the data folder. Ctrl-C or SIGTERM stops everything in good
    order within 50 seconds (films in work are finished or handed back); a second one at once.
    """
    given = {"data_dir": data, "api_port": port, "api_host": host, "worker_processes": processes}
    settings = load_settings(**{name: value for name, value in given.items() if value is not None})
    tell_ignored(settings)
    with open_stack(settings) as supervisor:
        try:
            await_ready(supervisor)
            tell_ready(supervisor)
            tell("  stop     Ctrl-C")
            watch(supervisor)
        except Interrupted as signal:
            tell(f"{signal}: stopping; a second one stops at once")
    tell_stopped(supervisor)
