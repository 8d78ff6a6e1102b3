"""When the last sweep ended: a service whose clock or whose control worker is gone looks well."""

from __future__ import annotations

import time

from sqlalchemy import Connection, func, select, update

from storage.database import Database
from storage.models import SweepRow
from storage.upserts import insert_missing

WRITE_SECONDS = 10.0
"""Least time between two writes of a process: each is one flush of the disk."""
_ONLY = 1


class Sweeps:
    """Notes that a sweep has ended, and tells how long that was ago."""

    def __init__(self, database: Database) -> None:
        """Note nothing yet."""
        self._database = database
        self._noted_at = -WRITE_SECONDS

    def note(self) -> None:
        """Say that a sweep has ended, unless this process has said so a moment ago.

        Raises:
            DatabaseUnavailable: The database does not answer.
        """
        now = time.monotonic()
        if now - self._noted_at < WRITE_SECONDS:
            return
        self._database.run(self._write)
        self._noted_at = now

    def age_seconds(self) -> float | None:
        """How long ago the last noted sweep ended; None before the first.

        Raises:
            DatabaseUnavailable: The database does not answer.
        """
        query = select(self._database.now() - func.max(SweepRow.ended_at))
        with self._database.read() as connection:
            age = connection.execute(query).scalar_one()
        return None if age is None else max(0.0, float(age))

    def _write(self, connection: Connection) -> None:
        at = self._database.time(connection)
        if not insert_missing(connection, SweepRow, [{"id": _ONLY, "ended_at": at}]):
            connection.execute(update(SweepRow).values(ended_at=at))
