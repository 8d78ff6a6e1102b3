"""How long ago a sweep ended is the same for all processes, and costs few writes."""

from __future__ import annotations

import pytest

from storage import sweeps
from storage.database import Database
from storage.sweeps import Sweeps


def test_the_age_is_that_of_the_last_one_of_any_process(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeps, "WRITE_SECONDS", 0.0)
    one, other = Sweeps(database), Sweeps(database)
    assert one.age_seconds() is None

    one.note()
    database.clock_offset = 100.0
    assert other.age_seconds() == pytest.approx(100.0, abs=60.0)

    other.note()
    assert one.age_seconds() == pytest.approx(0.0, abs=60.0)


def test_a_process_writes_one_of_many(database: Database) -> None:
    noting = Sweeps(database)
    noting.note()
    database.clock_offset = 100.0

    noting.note()

    age = noting.age_seconds()
    assert age is not None
    assert age >= 100.0
