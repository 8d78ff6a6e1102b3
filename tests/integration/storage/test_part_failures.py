"""Failures of parts are counted over all processes, also when it is the database that fails."""

from __future__ import annotations

import pytest

from lungline.errors import BrokerUnavailable, DatabaseUnavailable, StoreUnavailable
from storage import part_failures
from storage.database import Database
from storage.part_failures import PartFailures


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part_failures, "WRITE_SECONDS", 0.0)


def test_processes_add_up_by_role_and_code(database: Database) -> None:
    api, one, other = (PartFailures(database, role) for role in ("api", "analyze", "analyze"))
    api.count(StoreUnavailable("x"))
    for worker in (one, other):
        worker.count(StoreUnavailable("x"))
        worker.count(BrokerUnavailable("x"))
    assert api.read() == {}

    for each in (api, one, other, one):
        each.write()

    assert api.read() == {
        ("api", "store_unavailable"): 1,
        ("analyze", "store_unavailable"): 2,
        ("analyze", "broker_unavailable"): 2,
    }


def test_what_the_database_did_not_take_is_written_when_it_is_back(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = PartFailures(database, "expand")
    failures.count(DatabaseUnavailable("x"))

    def down(*_: object) -> None:
        raise DatabaseUnavailable("x")

    with monkeypatch.context() as patch:
        patch.setattr(database, "run", down)
        failures.write()
    failures.count(DatabaseUnavailable("x"))
    failures.write()

    assert failures.read() == {("expand", "database_unavailable"): 2}


def test_tries_to_write_keep_their_distance(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(part_failures, "WRITE_SECONDS", 3600.0)
    failures = PartFailures(database, "control")
    failures.count(StoreUnavailable("x"))
    failures.write()
    failures.count(StoreUnavailable("x"))
    failures.write()

    assert failures.read() == {("control", "store_unavailable"): 1}
