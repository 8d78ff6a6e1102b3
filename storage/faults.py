"""What an error of a database driver means: try again, the database is unavailable, or a bug."""

from __future__ import annotations

import sqlite3
from enum import Enum, auto

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

# Primary result codes, https://www.sqlite.org/rescode.html
_SQLITE_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_SQLITE_DOWN = {
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_NOMEM,
}
# serialization_failure, deadlock_detected, lock_not_available:
# https://www.postgresql.org/docs/18/errcodes-appendix.html
_PG_BUSY = {"40001", "40P01", "55P03"}
# read_only_sql_transaction (a standby after a failover), query_canceled (statement_timeout)
_PG_DOWN = {"25006", "57014"}


class Fault(Enum):
    """What to do about a driver's error."""

    BUSY = auto()
    UNAVAILABLE = auto()
    BUG = auto()


def fault_of(error: Exception) -> Fault:
    """Judge an error that SQLAlchemy or a driver raised."""
    if isinstance(error, PoolTimeout):
        return Fault.UNAVAILABLE
    if not isinstance(error, DBAPIError):
        return Fault.BUG
    if isinstance(error.orig, sqlite3.Error):
        return _sqlite_fault(error.orig)
    return _postgresql_fault(error)


def _sqlite_fault(error: sqlite3.Error) -> Fault:
    primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if primary in _SQLITE_BUSY:
        return Fault.BUSY
    return Fault.UNAVAILABLE if primary in _SQLITE_DOWN else Fault.BUG


def _postgresql_fault(error: DBAPIError) -> Fault:
    state = getattr(error.orig, "sqlstate", None)
    if state in _PG_BUSY:
        return Fault.BUSY
    lost = isinstance(error, (OperationalError, InterfaceError)) or error.connection_invalidated
    return Fault.UNAVAILABLE if lost or state in _PG_DOWN else Fault.BUG
