"""The migrations make what the models say, on both databases, whoever runs them."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Boolean, MetaData, Table, func, select, text

from storage.database import Database
from storage.migrate import current_revision, head_revision, upgrade
from storage.models import Base, TermRow
from storage.repository import Repository
from tests.factories.tables import drop_tables

JOB = {"id": "1" * 32, "tenant": "t", "name": "j", "status": "running", "bundle": "b@1"}
JOB |= {"source": "films"}
ITEM = {"job_id": JOB["id"], "tenant": "t", "status": "failed"}


def _schema(database: Database) -> set[tuple[str, ...]]:
    """Everything that the database itself says of its tables, indexes and constraints."""
    if database.is_sqlite:
        query = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"
    else:
        query = """
            SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
            UNION SELECT conrelid::regclass || '.' || conname, pg_get_constraintdef(oid)
            FROM pg_constraint WHERE connamespace = 'public'::regnamespace
            UNION SELECT table_name || '.' || column_name, concat_ws(' ', data_type,
            character_maximum_length, is_nullable, column_default)
            FROM information_schema.columns WHERE table_schema = 'public'
        """
    with database.read() as connection:
        rows = connection.execute(text(query)).all()
    return {(row[0], _in_order(row[1])) for row in rows if "alembic_version" not in row[0]}


def _in_order(definition: str) -> str:
    """Sort the columns and constraints of a table: on SQLite an added column comes last."""
    words = " ".join(definition.split())
    if not words.startswith("CREATE TABLE"):
        return words
    head, _, body = words.partition("(")
    body, _, tail = body.rpartition(")")
    parts = re.split(r",(?![^(]*\))", body)
    return f"{head}({','.join(sorted(part.strip() for part in parts))}){tail}"


def test_migrations_equal_the_models_by_alembic(empty: Database) -> None:
    upgrade(empty)

    with empty.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_migrations_equal_the_models_word_by_word(empty: Database) -> None:
    """Alembic compares neither the conditions of partial indexes nor check constraints."""
    upgrade(empty)
    migrated = _schema(empty)
    drop_tables(empty)

    with empty.write() as connection:
        Base.metadata.create_all(connection)

    assert migrated == _schema(empty)
    assert len(migrated) > 15


def test_upgrade_reaches_the_head_and_twice_is_once(empty: Database) -> None:
    assert current_revision(empty) is None

    upgrade(empty)
    upgrade(empty)

    assert current_revision(empty) == head_revision() == "0027"


def test_several_may_upgrade_at_once(empty: Database) -> None:
    others = [Database(empty.engine.url.render_as_string(hide_password=False)) for _ in range(4)]

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(upgrade, others))

    assert current_revision(empty) == head_revision()
    for other in others:
        other.dispose()


def test_jobs_and_items_of_before_are_found_by_their_metadata(empty: Database) -> None:
    upgrade(empty, "0022")
    said, count = {"a.b": 7, "nested": [1], "": "한"}, 2_005  # of items; more than one chunk
    tables = MetaData()
    with empty.write() as connection:
        tables.reflect(connection)
        rows = {
            "tenants": [_filled(tables.tables["tenants"], {"id": "t"})],
            "jobs": [_filled(tables.tables["jobs"], JOB | {"client_metadata": said})],
            "items": [
                _filled(tables.tables["items"], ITEM | {"id": f"{n:032x}", "seq": n, "name": "x"})
                | {"client_metadata": said if n % 2 else None}
                for n in range(count)
            ],
        }
        for name, some in rows.items():
            connection.execute(tables.tables[name].insert(), some)

    upgrade(empty)

    repo = Repository(empty)
    found = repo.jobs.page("t", limit=10, metadata=[("a.b", "7"), ("", "한")])
    assert [job.id for job in found.items] == [JOB["id"]]
    page = repo.items.find("t", limit=count, metadata=[("", "한"), ("a.b", "7")])
    assert len(page.items) == count // 2
    with empty.read() as connection:
        terms = connection.execute(select(func.count()).select_from(TermRow)).scalar_one()
    assert terms == 2 + 2 * (count // 2)


def _filled(table: Table, values: dict[str, Any]) -> dict[str, Any]:
    """A row of a table as it was, with 0 in what must not be empty."""
    zero = {
        column.name: False if isinstance(column.type, Boolean) else 0
        for column in table.columns
        if not column.nullable and column.server_default is None
    }
    return zero | values
