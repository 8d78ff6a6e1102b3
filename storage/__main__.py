"""`python -m storage migrate | create-admin-key | audit | backup | restore`.

Look after what the settings name.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from lungline.errors import LunglineError
from lungline.settings import load_settings
from storage.admin_key import create_admin_key, ensure_admin_key
from storage.audit_command import run_audit
from storage.backup_command import run_backup, run_restore
from storage.database import Database
from storage.migrate import current_revision, upgrade
from storage.repository import Repository


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: Words of the command line; None: those of this process.

    Returns:
        The exit status.
    """
    given = _parser().parse_args(arguments)
    try:
        settings = load_settings()
        if not settings.database_url:
            settings.data_dir.mkdir(parents=True, exist_ok=True)
        database = Database(settings.sqlalchemy_url)
        try:
            if given.command == "audit":
                return run_audit(
                    settings,
                    database,
                    grace_hours=given.grace_hours,
                    delete=given.delete,
                    as_json=given.json,
                )
            if given.command == "backup":
                return run_backup(settings, database, given.folder, as_json=given.json)
            if given.command == "restore":
                return run_restore(
                    settings, database, given.folder, replace=given.replace, as_json=given.json
                )
            if given.command == "migrate":
                _migrate(database, given.admin_key_file)
            else:
                _create_admin_key(database, given.file)
        finally:
            database.dispose()
    except LunglineError as error:
        print(f"{error.message} (LUNGLINE_DATABASE_URL)", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"The key cannot be written: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m storage", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    migrate = commands.add_parser("migrate", help="bring the database's schema up to date")
    migrate.add_argument(
        "--admin-key-file", type=Path, help="make an admin key here, where there is none yet"
    )
    create = commands.add_parser(
        "create-admin-key", help="make an API key that may do everything, and print it"
    )
    create.add_argument(
        "--file", type=Path, help="write the key here, for this user only, instead of printing it"
    )
    audit = commands.add_parser(
        "audit", help="list objects that no row owns, and rows whose object is missing"
    )
    audit.add_argument(
        "--grace-hours",
        type=_hours,
        default=24.0,
        help="leave objects alone that are younger (24); 0 only where the service does nothing",
    )
    audit.add_argument("--delete", action="store_true", help="remove objects that no row owns")
    audit.add_argument("--json", action="store_true", help="print one JSON object a line")
    backup = commands.add_parser("backup", help="copy database and store into a folder")
    backup.add_argument("folder", type=Path)
    backup.add_argument("--json", action="store_true", help="print one line of JSON at the end")
    restore = commands.add_parser("restore", help="put a backup into database and store")
    restore.add_argument("folder", type=Path)
    restore.add_argument("--json", action="store_true", help="print one line of JSON at the end")
    restore.add_argument("--replace", action="store_true", help="remove what is there")
    return parser


def _hours(text: str) -> float:
    hours = float(text)
    if not 0 <= hours < float("inf"):
        raise ValueError
    return hours


def _migrate(database: Database, admin_key_file: Path | None) -> None:
    upgrade(database)
    print(f"The database is at revision {current_revision(database)}.")
    if admin_key_file and ensure_admin_key(Repository(database).keys, admin_key_file):
        print(f"An admin key was written to {admin_key_file}.")


def _create_admin_key(database: Database, file: Path | None) -> None:
    made = create_admin_key(Repository(database).keys, file)
    print(made.token if file is None else f"The key {made.key.id} was written to {file}.")


if __name__ == "__main__":
    sys.exit(main())
