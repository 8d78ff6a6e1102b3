"""Usage: what tenants submitted, by month, whether their jobs are still there or not.

Counted where films are taken in, in the same transaction, behind the lock of the tenant's row: one
row a tenant and month, which no reader ever touches.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from storage.database import Database
from storage.models import UsageRow


@dataclass(frozen=True, slots=True)
class Month:
    """What a tenant submitted in a month.

    Attributes:
        month: Year and month, in UTC: `2026-01`.
        films: Films that were taken in, each time they came.
        bytes: Stored bytes of these films, each time they came.
    """

    month: str
    films: int
    bytes: int


class UsageBook:
    """Reads what was counted."""

    def __init__(self, database: Database) -> None:
        """Keep the database."""
        self._database = database

    def months(self, tenant: str) -> list[Month]:
        """List the months in which a tenant submitted films, the newest first."""
        query = (
            select(UsageRow.month, UsageRow.films, UsageRow.bytes)
            .where(UsageRow.tenant == tenant)
            .order_by(UsageRow.month.desc())
        )
        with self._database.read() as connection:
            rows: list[tuple[Any, ...]] = [tuple(row) for row in connection.execute(query)]
        return [Month(*row) for row in rows]


def count(connection: Connection, at: float, tenant: str, films: int, size: int) -> None:
    """Count films of a tenant, whose row the transaction holds, in the month of `at`."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    month = f"{datetime.fromtimestamp(at, UTC):%Y-%m}"
    change = dialect.insert(UsageRow).values(tenant=tenant, month=month, films=films, bytes=size)
    connection.execute(
        change.on_conflict_do_update(
            index_elements=[UsageRow.tenant, UsageRow.month],
            set_={
                "films": UsageRow.films + change.excluded.films,
                "bytes": UsageRow.bytes + change.excluded.bytes,
            },
        )
    )
