"""The tables themselves, taken away."""

from __future__ import annotations

from sqlalchemy import text

from storage.database import Database
from storage.models import Base


def drop_tables(database: Database) -> None:
    """Leave a database as one that was never migrated."""
    with database.write() as connection:
        Base.metadata.drop_all(connection)
        connection.execute(text("DROP TABLE IF EXISTS alembic_version"))
