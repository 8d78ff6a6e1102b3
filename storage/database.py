"""The connection to the database: SQLite by default, PostgreSQL in production.

Repositories get a `Database` and open short transactions on it. Nothing above this module sees a
driver's error for a database that is down: it sees `DatabaseUnavailable`.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from weakref import WeakSet

from sqlalchemy import (
    ColumnElement,
    Connection,
    create_engine,
    event,
    literal,
    make_url,
    select,
    text,
)
from sqlalchemy.engine import URL, Engine
from sqlalchemy.exc import InvalidatePoolError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry, Pool

from lungline.errors import DatabaseUnavailable
from storage.clock import server_now
from storage.driver_errors import hide_values
from storage.faults import Fault, fault_of

T = TypeVar("T")

LOCK_WAIT_SECONDS = 10.0
IDLE_SECONDS = 1.0
"""After so long a connection to PostgreSQL is asked for a sign of life before it is used."""
_RETRIES = 5

_POSTGRESQL_ARGUMENTS: dict[str, Any] = {
    "connect_timeout": 5,
    "application_name": "lungline",
    # A peer that vanished is noticed after seconds, not after the system's two hours.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
_POSTGRESQL_SETTINGS = {
    "idle_in_transaction_session_timeout": "60s",
    # Every query here has its index. The plan of a prepared statement lives as long as its
    # connection: made while a table was empty, it would read all of the table for ever after.
    "enable_seqscan": "off",
    "jit": "off",  # short statements; a scan that is needed after all counts as very dear above
}


class Database:
    """One database. Safe to share between threads; connections are never shared over a fork.

    Attributes:
        engine: SQLAlchemy's engine.
        clock_offset: Seconds added to the server's clock; only tests, which cannot wait for a
            lease to expire, set it.
    """

    def __init__(self, url: str, *, lock_wait_seconds: float = LOCK_WAIT_SECONDS) -> None:
        """Prepare the engine; the first transaction connects.

        Args:
            url: An SQLAlchemy URL; `postgresql://` means psycopg 3.
            lock_wait_seconds: How long a transaction waits for a lock, or for a connection.
        """
        parsed = _with_driver(make_url(url))
        self.clock_offset = 0.0
        self.engine = _make_engine(parsed, lock_wait_seconds)
        self._lock_wait = lock_wait_seconds
        self._writer = self.engine.execution_options(lungline_write=True)
        _databases.add(self)

    @property
    def is_sqlite(self) -> bool:
        """Whether this is SQLite."""
        return self.engine.dialect.name == "sqlite"

    def now(self) -> ColumnElement[float]:
        """The server's clock as an SQL expression, in seconds since the epoch."""
        return server_now() + literal(self.clock_offset) if self.clock_offset else server_now()

    def time(self, connection: Connection) -> float:
        """Ask the server for the time, in seconds since the epoch."""
        return float(connection.execute(select(self.now())).scalar_one())

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction for reading; it sees one state of the database on SQLite.

        Raises:
            DatabaseUnavailable: The database does not answer.
        """
        with _unavailable(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Open a transaction for reading that sees one state of the database for as long as it is.

        Raises:
            DatabaseUnavailable: The database does not answer.
        """
        engine = self.engine
        if not self.is_sqlite:
            engine = engine.execution_options(isolation_level="REPEATABLE READ")
        with _unavailable(), engine.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a transaction for writing, committed at the end of the block; no retry.

        On SQLite it takes the write lock at once: a transaction that began as a reader could not
        wait for it, and would read counters that another one is about to change.

        Raises:
            DatabaseUnavailable: The database does not answer, or stayed locked too long.
        """
        with _unavailable(), self._writer.begin() as connection:
            yield connection

    def run(self, work: Callable[[Connection], T], *, durable: bool = True) -> T:
        """Run `work` in a write transaction, again when a deadlock or a busy lock ended it.

        Args:
            work: Called with the connection, maybe several times; it must do nothing that a
                rollback does not undo.
            durable: False where a power cut may undo what the last second did, and all that came
                after it: then PostgreSQL does not wait for the disk.

        Raises:
            DatabaseUnavailable: The database does not answer, or stayed locked too long.
        """
        deadline = time.monotonic() + self._lock_wait

        def attempt() -> T:
            with self._writer.begin() as connection:
                if not (durable or self.is_sqlite):
                    connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
                return work(connection)

        with _unavailable():
            for retry in range(_RETRIES):
                try:
                    return attempt()
                except SQLAlchemyError as error:
                    if fault_of(error) is not Fault.BUSY or time.monotonic() > deadline:
                        raise
                time.sleep(random.uniform(0.005, 0.02) * 2**retry)  # noqa: S311  # only a pause
            return attempt()

    def await_disk(self, connection: Connection) -> None:
        """Let a transaction that was begun as not durable be durable after all."""
        if not self.is_sqlite:
            connection.exec_driver_sql("SET LOCAL synchronous_commit = on")

    def check(self) -> None:
        """Ask the database for a sign of life.

        Raises:
            DatabaseUnavailable: It gave none.
        """
        with self.read() as connection:
            connection.execute(text("SELECT 1"))

    def dispose(self) -> None:
        """Close the connections that nobody uses now."""
        self.engine.dispose()


def _with_driver(url: URL) -> URL:
    if url.drivername in {"postgresql", "postgres"}:
        return url.set(drivername="postgresql+psycopg")
    return url


def _make_engine(url: URL, lock_wait: float) -> Engine:
    common: dict[str, Any] = {
        "pool_timeout": lock_wait,
        # NaN is not JSON, and PostgreSQL refuses it.
        "json_serializer": json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode,
        # Parameters may hold names: they stay out of error texts. So do values (`hide_values`).
        "hide_parameters": True,
    }
    if url.get_backend_name() != "sqlite":
        settings = {"lock_timeout": f"{round(1000 * lock_wait)}ms", **_POSTGRESQL_SETTINGS}
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        arguments = _POSTGRESQL_ARGUMENTS | {"options": options}
        engine = create_engine(url, connect_args=arguments, **common)
        event.listen(engine, "handle_error", hide_values)
        _ask_the_idle(engine)
        return engine
    engine = create_engine(url, connect_args={"timeout": lock_wait}, **common)
    event.listen(engine, "handle_error", hide_values)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _ask_the_idle(engine: Engine) -> None:
    """Ask a connection that lay idle whether its server still knows it, before it is used.

    As SQLAlchemy's `pool_pre_ping`, but one that was used a moment ago is not asked: a worker would
    ask twice for each batch.
    """

    def put_back(connection: object, record: ConnectionPoolEntry) -> None:
        record.info["used"] = time.monotonic()

    def take(connection: Any, record: ConnectionPoolEntry, proxy: object) -> None:
        used = record.info.get("used")
        if used is None or time.monotonic() - used < IDLE_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error

    event.listen(engine, "checkin", put_back)
    event.listen(engine, "checkout", take)


def _prepare_sqlite(connection: Any, record: object) -> None:
    # SQLAlchemy begins transactions (below); the driver's own, implicit BEGIN would be deferred.
    connection.isolation_level = None
    cursor = connection.cursor()
    # WAL is kept in the file; asking first spares a lock on each connection but the very first.
    if cursor.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        cursor.execute("PRAGMA journal_mode = WAL")
    # FULL: what was answered with 202 survives a power cut, not only a crash.
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    write = connection.get_execution_options().get("lungline_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


@contextmanager
def _unavailable() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        match fault_of(error):
            case Fault.BUSY:
                raise DatabaseUnavailable("The database stayed locked for too long.") from error
            case Fault.UNAVAILABLE:
                raise DatabaseUnavailable("The database does not answer.") from error
            case Fault.BUG:
                raise


# A forked child must not use, nor even close, a connection of its parent: closing would end the
# parent's PostgreSQL session, and SQLite keeps its file locks per process
# (https://www.sqlite.org/howtocorrupt.html#_carrying_an_open_database_file_across_a_fork_).
_databases: WeakSet[Database] = WeakSet()
_inherited: list[Pool] = []  # kept alive on purpose, so that no finalizer closes them


def _before_fork() -> None:
    for database in list(_databases):
        database.engine.dispose()


def _after_fork_in_child() -> None:
    for database in list(_databases):
        _inherited.append(database.engine.pool)
        database.engine.dispose(close=False)


os.register_at_fork(before=_before_fork, after_in_child=_after_fork_in_child)
