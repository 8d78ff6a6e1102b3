"""`python -m storage migrate`: prepare the database that the settings name."""

from __future__ import annotations

import argparse
import sys

from lungline.errors import LunglineError
from lungline.settings import load_settings
from storage.database import Database
from storage.migrate import current_revision, upgrade


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: Words of the command line; None: those of this process.

    Returns:
        The exit status.
    """
    parser = argparse.ArgumentParser(prog="python -m storage", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("migrate", help="bring the database's schema up to date")
    parser.parse_args(arguments)
    try:
        return _migrate()
    except LunglineError as error:
        print(f"{error.message} (LUNGLINE_DATABASE_URL)", file=sys.stderr)
        return 1


def _migrate() -> int:
    settings = load_settings()
    if not settings.database_url:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    database = Database(settings.sqlalchemy_url)
    try:
        upgrade(database)
        print(f"The database is at revision {current_revision(database)}.")
    finally:
        database.dispose()
    return 0


if __name__ == "__main__":
    sys.exit(main())
