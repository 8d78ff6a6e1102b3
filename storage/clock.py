"""The database server's clock: the only clock that leases and deadlines are compared with.

Workers on several machines disagree about the time; the server does not disagree with itself.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Double
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class server_now(FunctionElement[float]):  # reads as the SQL function it is
    """Seconds since the epoch, by the server's clock, at the moment the statement runs.

    Not the start of the transaction: a statement that waited for a lock must not shorten a lease.
    """

    type = Double()
    inherit_cache = True


@compiles(server_now, "postgresql")
def _on_postgresql(element: server_now, compiler: SQLCompiler, **options: Any) -> str:
    return "extract(epoch from clock_timestamp())::double precision"


@compiles(server_now, "sqlite")
def _on_sqlite(element: server_now, compiler: SQLCompiler, **options: Any) -> str:
    # 2440587.5 is the Julian day of 1970-01-01T00:00Z. `unixepoch('subsec')` needs SQLite 3.42.
    return "((julianday('now') - 2440587.5) * 86400.0)"


class greatest(FunctionElement[float]):
    """The larger of two numbers: `greatest` on PostgreSQL, `max` on SQLite. Neither may be NULL."""

    type = Double()
    inherit_cache = True


class least(FunctionElement[float]):
    """The smaller of two numbers: `least` on PostgreSQL, `min` on SQLite. Neither may be NULL."""

    type = Double()
    inherit_cache = True


@compiles(greatest)
def _greatest(element: greatest, compiler: SQLCompiler, **options: Any) -> str:
    name = "max" if compiler.dialect.name == "sqlite" else "greatest"
    return f"{name}({compiler.process(element.clauses, **options)})"


@compiles(least)
def _least(element: least, compiler: SQLCompiler, **options: Any) -> str:
    name = "min" if compiler.dialect.name == "sqlite" else "least"
    return f"{name}({compiler.process(element.clauses, **options)})"
