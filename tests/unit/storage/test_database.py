"""SQLite as the default database: its settings, its locks, its faults."""

from __future__ import annotations

import gc
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, select, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from lungline.errors import DatabaseUnavailable
from storage.clock import greatest, least
from storage.database import Database
from storage.faults import Fault, fault_of


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'x.db'}", lock_wait_seconds=0.2)
    with database.write() as connection:
        connection.execute(text("CREATE TABLE numbers (n INTEGER)"))
    yield database
    database.dispose()


def pragma(database: Database, name: str) -> object:
    with database.read() as connection:
        return connection.execute(text(f"PRAGMA {name}")).scalar_one()


def test_settings_of_each_connection(database: Database) -> None:
    assert pragma(database, "journal_mode") == "wal"
    assert pragma(database, "synchronous") == 2  # FULL
    assert pragma(database, "foreign_keys") == 1
    assert pragma(database, "busy_timeout") == 200


def test_the_clock_counts_seconds_since_the_epoch(database: Database) -> None:
    with database.read() as connection:
        here = sqlite3.connect(":memory:")
        theirs = float(here.execute("SELECT strftime('%s', 'now')").fetchone()[0])
        here.close()
        assert abs(database.time(connection) - theirs) < 5
        database.clock_offset = 100.0
        assert abs(database.time(connection) - theirs - 100) < 5
        values = connection.execute(select(greatest(1.0, 2.0), least(1.0, 2.0))).one()
    assert tuple(values) == (2.0, 1.0)


def test_a_failed_transaction_leaves_nothing(database: Database) -> None:
    def fail(connection: Connection) -> None:
        connection.execute(text("INSERT INTO numbers VALUES (1)"))
        connection.execute(text("CREATE TABLE others (n INTEGER)"))
        raise RuntimeError

    with pytest.raises(RuntimeError):
        database.run(fail)

    with database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM numbers")).scalar_one() == 0
        tables = connection.execute(text("SELECT name FROM sqlite_master")).scalars().all()
    assert tables == ["numbers"]


def test_a_write_locks_from_its_beginning_and_readers_go_on(database: Database) -> None:
    with database.write(), database.read() as reader:
        assert reader.execute(text("SELECT count(*) FROM numbers")).scalar_one() == 0
        with pytest.raises(DatabaseUnavailable, match="locked"):
            database.run(lambda connection: None)
    database.run(lambda connection: None)


def test_a_missing_folder_is_an_unavailable_database(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'nowhere' / 'x.db'}")

    with pytest.raises(DatabaseUnavailable):
        database.check()


def test_a_wrong_statement_is_a_bug_and_hides_its_parameters(database: Database) -> None:
    with pytest.raises(OperationalError) as caught, database.read() as connection:
        connection.execute(text("SELECT * FROM nothing WHERE name = :name"), {"name": "Ann"})

    assert fault_of(caught.value) is Fault.BUG
    assert "Ann" not in str(caught.value)


def test_a_pool_without_a_free_connection_is_an_unavailable_database(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'x.db'}", lock_wait_seconds=0.05)
    taken = [database.engine.connect() for _ in range(15)]

    with pytest.raises(DatabaseUnavailable):
        database.check()

    for connection in taken:
        connection.close()
    database.dispose()


def test_a_child_shares_no_connection_with_its_parent(database: Database) -> None:
    database.check()

    child = os.fork()
    if child == 0:
        try:
            fresh = database.engine.pool.status()
            database.check()
            gc.collect()
            os._exit(0 if "Connections in pool: 0" in fresh else 1)
        except BaseException:
            os._exit(2)

    assert os.waitpid(child, 0)[1] == 0
    database.check()


@pytest.mark.parametrize(
    ("state", "fault"),
    [
        ("40P01", Fault.BUSY),
        ("40001", Fault.BUSY),
        ("55P03", Fault.BUSY),
        ("57P01", Fault.UNAVAILABLE),
        ("53300", Fault.UNAVAILABLE),
        (None, Fault.UNAVAILABLE),
    ],
)
def test_faults_of_postgresql(state: str | None, fault: Fault) -> None:
    error = Exception()
    error.sqlstate = state  # type: ignore[attr-defined]

    assert fault_of(OperationalError("SELECT 1", {}, error)) is fault
    assert fault_of(ProgrammingError("SELECT 1", {}, Exception())) is Fault.BUG
    assert fault_of(ValueError()) is Fault.BUG


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg"])
def test_postgresql_means_psycopg_3(scheme: str) -> None:
    database = Database(f"{scheme}://user@localhost/x")

    assert (database.engine.dialect.driver, database.is_sqlite) == ("psycopg", False)


def test_nobody_else_begins_transactions(database: Database) -> None:
    """The driver's own BEGIN would be deferred, and a deferred writer cannot wait."""
    engine = create_engine(database.engine.url)
    with database.read() as connection:
        raw = connection.connection.dbapi_connection
        assert raw is not None
        assert raw.isolation_level is None
    engine.dispose()
