"""Bring the database's schema up to date."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from storage.database import Database

MIGRATIONS = Path(__file__).parent / "migrations"

# Any number that no other user of the same server takes: the letters "lungline" (8 bytes).
_ADVISORY_LOCK = int.from_bytes(b"lungline", "big")


def upgrade(database: Database, revision: str = "head") -> None:
    """Run the migrations that the database lacks, in one transaction.

    Safe when several processes do it at once: the second waits, and then finds nothing to do.

    Args:
        database: Where.
        revision: How far.

    Raises:
        DatabaseUnavailable: The database does not answer.
    """
    database.run(lambda connection: upgrade_within(connection, revision))


def current_revision(database: Database) -> str | None:
    """Name the revision of the schema; None when the database is empty."""
    with database.read() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def head_revision() -> str | None:
    """Name the newest revision that this code knows."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def revisions() -> list[str]:
    """Name all revisions that this code knows, the first one first."""
    scripts = ScriptDirectory.from_config(_config()).walk_revisions()
    return [script.revision for script in scripts][::-1]


def knows(revision: str) -> bool:
    """Whether this code has a revision."""
    return revision in revisions()


def upgrade_within(connection: Connection, revision: str) -> None:
    """Run the migrations that the database lacks, in a transaction of the caller's.

    Args:
        connection: Of a transaction for writing.
        revision: How far.
    """
    if connection.dialect.name == "postgresql":
        # Waiting for the other process may take longer than an ordinary lock may.
        connection.execute(text("SET LOCAL lock_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
    command.upgrade(_config(connection), revision)


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
