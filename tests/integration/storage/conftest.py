"""A repository on each database; after every transaction the counters must equal a GROUP BY."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import Connection

from storage.database import Database
from storage.migrate import upgrade
from storage.models import Base
from storage.repository import Repository
from tests.factories.tables import drop_tables

T = TypeVar("T")


class CheckedDatabase(Database):
    """A database whose every write is followed by a recount of all items."""

    def run(self, work: Callable[[Connection], T], *, durable: bool = True) -> T:
        result = super().run(work, durable=durable)
        assert Repository(self).repairs.check_counters() == []
        return result


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.integration)]
)
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of an empty database of each kind."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path_factory.mktemp('database') / 'lungline.db'}"


@pytest.fixture
def empty(url: str, tmp_path: Path) -> Iterator[Database]:
    """A database without tables."""
    database = Database(url if url.startswith("postgresql") else f"sqlite:///{tmp_path / 'new.db'}")
    drop_tables(database)
    yield database
    drop_tables(database)
    database.dispose()


@pytest.fixture(scope="module")
def migrated(url: str) -> Iterator[Database]:
    database = CheckedDatabase(url)
    upgrade(database)
    yield database
    database.dispose()


@pytest.fixture
def database(migrated: Database) -> Iterator[Database]:
    """A database without rows, with its clock right."""
    yield migrated
    migrated.clock_offset = 0.0
    with migrated.write() as connection:
        for table in reversed(Base.metadata.sorted_tables):
            connection.execute(table.delete())


@pytest.fixture
def repo(database: Database) -> Repository:
    return Repository(database)
