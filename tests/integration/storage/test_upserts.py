"""Rows that are there stay, and what is new is counted, on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from storage.database import Database
from storage.models import TenantRow
from storage.upserts import insert_missing

pytestmark = pytest.mark.integration


def tenant(name: str, at: float = 1.0) -> dict[str, object]:
    return {"id": name, "created_at": at}


@pytest.mark.parametrize("count", [1, 3, 2_500])
def test_new_rows_are_counted_and_others_kept(database: Database, count: int) -> None:
    rows = [tenant(f"tenant-{number:04}") for number in range(count)]

    assert database.run(lambda c: insert_missing(c, TenantRow, rows)) == count
    again = [tenant(str(row["id"]), 2.0) for row in rows] + [tenant("young", 2.0)]
    assert database.run(lambda c: insert_missing(c, TenantRow, again)) == 1
    assert database.run(lambda c: insert_missing(c, TenantRow, again)) == 0
    assert database.run(lambda c: insert_missing(c, TenantRow, [])) == 0
    with database.read() as connection:
        times = connection.execute(select(TenantRow.id, TenantRow.created_at)).all()
    assert {name: at for name, at in times if name in {"young", "tenant-0000"}} == {
        "young": 2.0,
        "tenant-0000": 1.0,
    }
