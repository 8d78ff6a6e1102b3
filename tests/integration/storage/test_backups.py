"""While a backup is taken nothing goes that its rows may name, on each database."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import Connection, func, select

from lungline.domain import DEFAULT_TENANT
from storage import backups
from storage.backups import HOLD_SECONDS, BackupHold, is_held
from storage.database import Database
from storage.models import BackupRow
from storage.repository import Repository
from tests.factories.rows import submit_archive


class Store:
    """Which objects were deleted."""

    def __init__(self) -> None:
        self.deleted: list[str] = []

    def delete(self, key: str) -> None:
        self.deleted.append(key)


def spend(repo: Repository) -> str:
    """An archive that is expanded and not kept; returns its key."""
    job = submit_archive(repo, DEFAULT_TENANT)
    expansion = repo.expansions.claim("worker", 60.0)
    assert expansion is not None
    repo.expansions.finish(expansion.lease_id, job.id, keep=False)
    assert expansion.archive_key is not None
    return expansion.archive_key


def rows(database: Database) -> int:
    with database.read() as connection:
        return connection.execute(select(func.count()).select_from(BackupRow)).scalar_one()


def test_deletions_wait_for_it_and_then_go_on(repo: Repository, database: Database) -> None:
    key, store = spend(repo), Store()
    with BackupHold(database), BackupHold(database):
        assert is_held(database)
        assert repo.expansions.remove_spent(store) == 0
    assert not is_held(database)
    assert rows(database) == 0
    assert repo.expansions.remove_spent(store) == 1
    assert store.deleted == [key]


def test_one_that_died_holds_nothing_for_long(repo: Repository, database: Database) -> None:
    key, store, dead = spend(repo), Store(), BackupHold(database)
    database.run(dead._begin)
    assert repo.expansions.remove_spent(store) == 0
    database.clock_offset = HOLD_SECONDS + 1.0
    assert repo.expansions.remove_spent(store) == 1
    assert store.deleted == [key]
    with BackupHold(database):
        assert rows(database) == 1


def test_one_that_died_before_the_clock_was_set_back_holds_nothing(database: Database) -> None:
    database.clock_offset = 3_600.0
    database.run(BackupHold(database)._begin)
    assert is_held(database)
    database.clock_offset = 0.0
    assert not is_held(database)


def test_one_that_lives_is_renewed(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backups, "_RENEWAL_SECONDS", 0.01)
    with BackupHold(database):
        database.clock_offset = HOLD_SECONDS + 1.0
        # Another one tidies away what has ended, be it alive or not.
        while not is_held(database):
            pass
        assert rows(database) == 1


def test_an_unexpected_error_does_not_end_its_renewal(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backups, "_RENEWAL_SECONDS", 0.01)
    tried: list[int] = []
    renewed = threading.Event()

    def renew(self: BackupHold, connection: Connection) -> None:
        tried.append(1)
        if len(tried) == 1:
            raise MemoryError
        renewed.set()

    monkeypatch.setattr(BackupHold, "_renew", renew)
    with BackupHold(database):
        assert renewed.wait(10)
