"""INSERT ... ON CONFLICT DO NOTHING: many rows in one statement, on both databases."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import JSON, Connection, Text, bindparam, cast, column, func, inspect, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import ReturningInsert

from storage.columns import plain_text
from storage.models import Base

T = TypeVar("T")

# Far below SQLite's 32,766 and PostgreSQL's 65,535 parameters of a statement.
CHUNK = 500

_ESCAPED_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
"""In JSON, where a backslash that is not itself escaped stands before it."""


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
    if connection.dialect.name == "sqlite":
        # The driver does not count the rows of many inserts; what is returned can be counted.
        return len(connection.execute(_insert(table), list(rows)).all())
    insert = _insert_written(table, tuple(rows[0]))
    return connection.execute(insert, {"written": _written(rows)}).rowcount


@cache
def _insert(table: type[Base]) -> ReturningInsert[Any]:
    (key, *_) = inspect(table).primary_key
    return sqlite.insert(table).on_conflict_do_nothing().returning(key)


@cache
def _insert_written(table: type[Base], names: tuple[str, ...]) -> postgresql.Insert:
    """The same statement for any number of rows, which come as one JSON text.

    With a parameter for each value of each row, this process would spend longer on writing the
    statement than on all others of a batch, and the server could not keep its plan.
    """
    columns = [inspect(table).columns[name] for name in names]
    written = cast(bindparam("written", type_=Text()), JSON())
    rows = func.json_to_recordset(written).table_valued(
        *(column(each.name, each.type) for each in columns), name="written_rows"
    )
    chosen = select(*rows.render_derived(with_types=True).c)
    insert = postgresql.insert(table).from_select(columns, chosen).on_conflict_do_nothing()
    return insert.execution_options(preserve_rowcount=True)


def _written(rows: Sequence[Mapping[str, Any]]) -> str:
    """Write rows down as JSON; what PostgreSQL cannot hold as text becomes U+FFFD."""
    text = json.dumps(list(rows), allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    if "\\u0000" in text:
        text = _ESCAPED_NUL.sub("\\1\ufffd", text)
    return text if text.isascii() else plain_text(text)


def chunks(values: Iterable[T]) -> Iterator[list[T]]:
    """Cut values into lists that fit into one `IN (...)`."""
    everything = list(values)
    for start in range(0, len(everything), CHUNK):
        yield everything[start : start + CHUNK]
