"""INSERT ... ON CONFLICT DO NOTHING: one statement in two dialects of SQLAlchemy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import Connection, inspect
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import ReturningInsert

from storage.models import Base

T = TypeVar("T")

# Far below SQLite's 32,766 and PostgreSQL's 65,535 parameters of a statement.
CHUNK = 500


def insert_missing(
    connection: Connection, table: type[Base], rows: Sequence[Mapping[str, Any]]
) -> int:
    """Insert those rows that break no unique constraint; keep what is there for the others.

    Give the rows in the order of the unique key: two transactions that insert the same keys in
    different orders wait for each other.

    Returns:
        The number of rows inserted.
    """
    if not rows:
        return 0
    # Drivers do not count the rows of many inserts alike; what is returned can be counted. It also
    # makes SQLAlchemy send all rows in one statement.
    return len(connection.execute(_insert(connection.dialect.name, table), list(rows)).all())


@cache
def _insert(dialect: str, table: type[Base]) -> ReturningInsert[Any]:
    (key, *_) = inspect(table).primary_key
    if dialect == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing().returning(key)
    return postgresql.insert(table).on_conflict_do_nothing().returning(key)


def chunks(values: Iterable[T]) -> Iterator[list[T]]:
    """Cut values into lists that fit into one `IN (...)`."""
    everything = list(values)
    for start in range(0, len(everything), CHUNK):
        yield everything[start : start + CHUNK]
