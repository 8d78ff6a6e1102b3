"""The migrations make what the models say, on both databases, whoever runs them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from storage.database import Database
from storage.migrate import current_revision, head_revision, upgrade
from storage.models import Base


@pytest.fixture
def empty(url: str, tmp_path: Path) -> Iterator[Database]:
    """A database without tables."""
    database = Database(url if url.startswith("postgresql") else f"sqlite:///{tmp_path / 'new.db'}")
    _drop_all(database)
    yield database
    _drop_all(database)
    database.dispose()


def _drop_all(database: Database) -> None:
    with database.write() as connection:
        Base.metadata.drop_all(connection)
        connection.execute(text("DROP TABLE IF EXISTS alembic_version"))


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
    _drop_all(empty)

    with empty.write() as connection:
        Base.metadata.create_all(connection)

    assert migrated == _schema(empty)
    assert len(migrated) > 15


def test_upgrade_reaches_the_head_and_twice_is_once(empty: Database) -> None:
    assert current_revision(empty) is None

    upgrade(empty)
    upgrade(empty)

    assert current_revision(empty) == head_revision() == "0022"


def test_several_may_upgrade_at_once(empty: Database) -> None:
    others = [Database(empty.engine.url.render_as_string(hide_password=False)) for _ in range(4)]

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(upgrade, others))

    assert current_revision(empty) == head_revision()
    for other in others:
        other.dispose()
