"""Expand, then contract: no migration takes away what the version before still needs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.operations import MigrateOperation, ops
from alembic.operations.base import AbstractOperations

from storage.database import Database
from storage.migrate import revisions, upgrade

CONTRACTIONS: Mapping[str, str] = {}
"""Revisions that take something away, and why the version before needs it no more: it must be
released by then, and neither read nor write it."""

TAKING_AWAY = (
    ops.DropColumnOp,
    ops.DropTableOp,
    ops.RenameTableOp,
    ops.AlterColumnOp,
    ops.DropConstraintOp,
    ops.AddConstraintOp,
)


def breaks(operation: MigrateOperation, made: set[str]) -> str | None:
    """What an operation does to code of the revision before; None if it goes on.

    Args:
        operation: A step of a migration.
        made: The tables that this migration has made: nobody uses them yet.
    """
    if getattr(operation, "table_name", None) in made:
        return None
    match operation:
        case ops.AddColumnOp(column=column):
            needed = not column.nullable and column.server_default is None
            return f"{column.name} is not null and has no server_default" if needed else None
        case ops.CreateIndexOp(unique=True):
            return f"the unique index {operation.index_name} refuses what was taken before"
        case ops.ExecuteSQLOp():
            word = str(operation.sqltext).split(maxsplit=1)[0].upper()
            return None if word in {"UPDATE", "INSERT", "SELECT"} else f"{word} is not looked into"
        case _ if isinstance(operation, TAKING_AWAY):
            return f"{type(operation).__name__} of {getattr(operation, 'table_name', '')}"
    return None


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[MigrateOperation]:
    """What Alembic is told to do."""
    told: list[MigrateOperation] = []
    invoke = AbstractOperations.invoke

    def listen(self: AbstractOperations, operation: MigrateOperation) -> Any:
        told.append(operation)
        return invoke(self, operation)

    monkeypatch.setattr(AbstractOperations, "invoke", listen)
    return told


def test_no_migration_breaks_the_version_before(
    tmp_path: Path, seen: list[MigrateOperation]
) -> None:
    database = Database(f"sqlite:///{tmp_path / 'new.db'}")
    wrong, names = [], revisions()
    for revision in names:
        seen.clear()
        upgrade(database, revision)
        assert seen, f"{revision} was not seen"
        made = {each.table_name for each in seen if isinstance(each, ops.CreateTableOp)}
        found = [(revision, what) for each in seen if (what := breaks(each, made))]
        wrong += [] if revision in CONTRACTIONS else found
    database.dispose()

    assert wrong == [], "see Upgrades in docs/operations.md"
    assert set(CONTRACTIONS) <= set(names)


@pytest.mark.parametrize(
    "operation",
    [
        ops.DropColumnOp("jobs", "name"),
        ops.DropTableOp("jobs"),
        ops.RenameTableOp("jobs", "orders"),
        ops.AlterColumnOp("jobs", "name", modify_nullable=False),
        ops.AlterColumnOp("jobs", "name", modify_name="title"),
        ops.CreateCheckConstraintOp("ck", "jobs", "total >= 0"),
        ops.CreateUniqueConstraintOp("uq", "jobs", ["name"]),
        ops.CreateForeignKeyOp("fk", "jobs", "tenants", ["tenant"], ["id"]),
        ops.CreateIndexOp("ix", "jobs", ["name"], unique=True),
        ops.AddColumnOp("jobs", sa.Column("more", sa.Integer(), nullable=False)),
        ops.ExecuteSQLOp("ALTER TABLE jobs DROP COLUMN name"),
    ],
)
def test_what_would_break_it_is_found(operation: MigrateOperation) -> None:
    assert breaks(operation, set())


@pytest.mark.parametrize(
    "operation",
    [
        ops.AddColumnOp("jobs", sa.Column("more", sa.Integer(), nullable=True)),
        ops.AddColumnOp("jobs", sa.Column("n", sa.Integer(), nullable=False, server_default="0")),
        ops.CreateIndexOp("ix", "jobs", ["name"]),
        ops.CreateIndexOp("ix", "new", ["name"], unique=True),
        ops.DropIndexOp("ix", "jobs"),
        ops.ExecuteSQLOp("UPDATE jobs SET total = 0"),
    ],
)
def test_what_does_not_is_left_alone(operation: MigrateOperation) -> None:
    assert breaks(operation, {"new"}) is None
