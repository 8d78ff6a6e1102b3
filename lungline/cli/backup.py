"""`lungline backup` and `lungline restore`: database and store into a folder, and back."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from lungline.cli.app import app
from lungline.cli.printing import JsonOption
from lungline.settings import environment_of, load_settings
from lungline.stack.checkout import find_checkout

BACKUP_EXAMPLES = """Examples:

lungline backup /mnt/backups/lungline

lungline backup /mnt/backups/lungline --data /srv/lungline
"""
RESTORE_EXAMPLES = """Examples:

lungline restore /mnt/backups/lungline

lungline restore /mnt/backups/lungline --data /srv/lungline --replace
"""

FolderArgument = Annotated[Path, typer.Argument(help="The folder of the backup.")]
DataOption = Annotated[
    Path | None,
    typer.Option(
        help="Data folder of an embedded stack (`lungline up`), instead of what the settings name."
    ),
]


@app.command(epilog=BACKUP_EXAMPLES)
def backup(folder: FolderArgument, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Copy database and object store into a folder, while the service runs.

    The database as it is at one moment, then the objects. Broken off, the same command goes on;
    a folder with an earlier backup becomes the new one, and only new objects are copied. It holds
    films and findings, API keys as hashes, and the secrets of webhooks: guard it. It does not hold
    the settings, nor `identity.key` and `link.key`.
    """
    _run("backup", folder, data, *_told(as_json))


@app.command(epilog=RESTORE_EXAMPLES)
def restore(
    folder: FolderArgument,
    data: DataOption = None,
    replace: Annotated[bool, typer.Option(help="Remove what is there already.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Put a backup into an empty database and object store; the service must not run.

    Everything is compared with its checksum, and a database of an earlier version is brought up to
    date. A backup of SQLite and a local store goes into PostgreSQL and S3 too, and back.
    """
    _run("restore", folder, data, *(["--replace"] if replace else []), *_told(as_json))


def _told(as_json: bool) -> list[str]:
    return ["--json"] if as_json else []


def _run(command: str, folder: Path, data: Path | None, *options: str) -> None:
    """Let the server's code do it, which the clients may not import."""
    settings = load_settings()
    own: dict[str, Any] = {"data_dir": settings.data_dir.resolve()}
    if data is not None:
        embedded = {"database_url": "", "store": "local", "store_dir": None}
        own = {"data_dir": data.resolve(), **embedded}
    settings = settings.model_copy(update=own)
    checkout = find_checkout()
    done = subprocess.run(  # noqa: S603  # our own module
        [sys.executable, "-m", "storage", command, os.path.abspath(folder), *options],
        cwd=checkout,
        env=environment_of(settings),
        check=False,
    )
    if done.returncode:
        raise typer.Exit(done.returncode)
