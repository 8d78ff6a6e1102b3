"""Texts of drivers' errors, without the values of rows that databases quote in them.

SQLAlchemy keeps parameters out of its own texts (`hide_parameters`). PostgreSQL quotes values
behind the first line of an error (DETAIL, CONTEXT), and those that it cannot take in the first line
too; SQLite those that it cannot read. They are taken out where errors come in, so that whatever is
written of them later is safe: logs, tracebacks, what Celery says of a task.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ExceptionContext

_SQLITE_QUOTES = " with text '"


def hide_values(context: ExceptionContext) -> None:
    """Take values out of an error and of what wraps it: a listener of `handle_error`."""
    error, wrapped = context.original_exception, context.sqlalchemy_exception
    driver: Any = context.dialect.loaded_dbapi
    if not isinstance(error, driver.Error):
        return
    said = str(error)
    kept = _without_values(error, said, driver)
    error.args = (kept,)
    if wrapped is not None:
        wrapped.args = (str(wrapped.args[0]).replace(said, kept), *wrapped.args[1:])


def _without_values(error: BaseException, said: str, driver: Any) -> str:
    state = getattr(error, "sqlstate", None)
    if isinstance(error, driver.DataError):  # class 22 of SQLSTATE, or psycopg's own
        return f"A value cannot be taken or read ({state or 'by the driver'}); it is not shown."
    if state is not None:
        return said.partition("\n")[0]
    return said.partition(_SQLITE_QUOTES)[0]
