"""A clock that is wrong while a file says so: this process's, and with SQLite the database's."""

from __future__ import annotations

import time
from pathlib import Path

from storage.database import Database
from tests.faults.drill.strikes import CLOCK, read_mode


def set_clock(folder: Path) -> None:
    """Let this process and its children believe in another time.

    SQLite asks the machine's clock, so whoever uses it sees the same jump in the database's time;
    a PostgreSQL server has a clock of its own, which stays right.
    """
    right, right_ns = time.time, time.time_ns

    def off() -> int:
        return int(read_mode(folder, CLOCK).get("seconds", 0))

    def offset(database: Database) -> float:
        return float(off()) if database.is_sqlite else 0.0

    def keep(database: Database, seconds: float) -> None:
        """Take what the constructor sets."""

    time.time = lambda: right() + off()
    time.time_ns = lambda: right_ns() + off() * 1_000_000_000
    Database.clock_offset = property(offset, keep)  # type: ignore[assignment]
