"""A set of ids as one parameter: the statement stays the same, however many there are."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, String, Text, bindparam
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine


class _Ids(TypeDecorator[Collection[str]]):
    """An array on PostgreSQL, JSON text on SQLite, which has none."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the type that the database has."""
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else ARRAY(String()))

    def process_bind_param(
        self, value: Collection[str] | None, dialect: Dialect
    ) -> str | list[str] | None:
        """Write the ids down as the database reads them."""
        if value is None:
            return None
        return json.dumps(list(value)) if dialect.name == "sqlite" else list(value)


class _among(FunctionElement[bool]):  # reads as the SQL that it becomes
    inherit_cache = True


@compiles(_among, "postgresql")
def _on_postgresql(element: _among, compiler: SQLCompiler, **options: Any) -> str:
    column, ids = (compiler.process(each, **options) for each in element.clauses)
    return f"{column} = ANY ({ids})"


@compiles(_among, "sqlite")
def _on_sqlite(element: _among, compiler: SQLCompiler, **options: Any) -> str:
    column, ids = (compiler.process(each, **options) for each in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({ids}))"  # noqa: S608  # both are compiled expressions


def among(column: Any, name: str) -> ColumnElement[bool]:
    """Whether a column's id is one of those given with the statement.

    `column.in_(bindparam(name, expanding=True))` means the same, but is written out and parsed anew
    for each number of ids, by this process and by the server.

    Args:
        column: Of ids.
        name: Of the parameter, a list of ids.
    """
    return _among(column, bindparam(name, type_=_Ids()))
