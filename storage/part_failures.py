"""How often a part of the service did not answer, counted over all processes, for metrics.

It is counted in memory first: the part that does not answer may be the database itself.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from functools import partial
from threading import Lock

from sqlalchemy import Connection, select, update

from lungline.errors import DatabaseUnavailable, LunglineError
from storage.database import Database
from storage.models import PartFailureRow
from storage.upserts import insert_missing

WRITE_SECONDS = 5.0
"""Least time between two tries to write."""


class PartFailures:
    """Counts the failures that one process saw, and adds them to everybody's. Safe for threads."""

    def __init__(self, database: Database, role: str) -> None:
        """Count for a process of that role (`api`, `analyze`, ...)."""
        self._database, self._role = database, role
        self._lock = Lock()
        self._unwritten: Counter[str] = Counter()
        self._tried_at = -WRITE_SECONDS

    def count(self, error: LunglineError) -> None:
        """Count one, under its code; it is not written yet.

        What failed for another reason than a part has the code `internal_error`.
        """
        with self._lock:
            self._unwritten[error.code] += 1

    def write(self) -> None:
        """Add what was counted to the table, a few seconds after the last time or later.

        What a database that is down does not take is written with the next. What a process has
        not written dies with it.
        """
        with self._lock:
            now = time.monotonic()
            if not self._unwritten or now - self._tried_at < WRITE_SECONDS:
                return
            self._tried_at = now
            counts, self._unwritten = self._unwritten, Counter()
        try:
            self._database.run(partial(_add, role=self._role, counts=counts))
        except DatabaseUnavailable:
            with self._lock:
                self._unwritten.update(counts)

    def read(self) -> dict[tuple[str, str], int]:
        """Everybody's counts, ever, by role and code.

        Raises:
            DatabaseUnavailable: The database does not answer.
        """
        query = select(PartFailureRow.role, PartFailureRow.code, PartFailureRow.count)
        with self._database.read() as connection:
            return {(role, code): int(count) for role, code, count in connection.execute(query)}


def _add(connection: Connection, role: str, counts: Mapping[str, int]) -> None:
    for code, count in sorted(counts.items()):
        insert_missing(connection, PartFailureRow, [{"role": role, "code": code, "count": 0}])
        row = update(PartFailureRow).where(PartFailureRow.role == role, PartFailureRow.code == code)
        connection.execute(row.values(count=PartFailureRow.count + count))
