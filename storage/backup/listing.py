"""The list of a backup's objects, on disk: there may be millions."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self


@dataclass(frozen=True, slots=True)
class Listed:
    """One object.

    Attributes:
        key: Where it is in the store.
        size: Bytes.
        sha256: Hexadecimal digest of those bytes.
    """

    key: str
    size: int
    sha256: str


class Listing:
    """Keys with sizes and checksums, in a SQLite file of its own; a context that closes it.

    An object stands in it once its copy is safe. So a backup that was broken off, or an older one
    in the same folder, need not be copied again.
    """

    def __init__(self, path: Path) -> None:
        """Open the file at `path`, or make it."""
        path.touch(mode=0o600)
        self._file = sqlite3.connect(path, isolation_level=None)
        self._file.execute(
            "CREATE TABLE IF NOT EXISTS objects (key TEXT PRIMARY KEY, size INTEGER NOT NULL, "
            "sha256 TEXT NOT NULL, seen INTEGER NOT NULL) WITHOUT ROWID"
        )

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        self._file.close()

    def forget_seen(self) -> None:
        """Begin a run: no object has been seen in the store yet."""
        self._file.execute("UPDATE objects SET seen = 0")

    def get(self, key: str) -> Listed | None:
        """Look an object up."""
        row = self._file.execute(
            "SELECT key, size, sha256 FROM objects WHERE key = ?", (key,)
        ).fetchone()
        return Listed(*row) if row else None

    def put(self, listed: Listed) -> None:
        """Say that an object is copied, and is there."""
        self._file.execute(
            "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, 1)",
            (listed.key, listed.size, listed.sha256),
        )

    def unseen(self) -> list[str]:
        """The keys of objects that the store does not have any more."""
        return [key for (key,) in self._file.execute("SELECT key FROM objects WHERE seen = 0")]

    def drop_unseen(self) -> None:
        """Forget them."""
        self._file.execute("DELETE FROM objects WHERE seen = 0")

    def all(self) -> Iterator[Listed]:
        """Yield every object, by key."""
        rows = self._file.execute("SELECT key, size, sha256 FROM objects ORDER BY key")
        yield from (Listed(*row) for row in rows)

    def total(self) -> tuple[int, int, str]:
        """Count objects and bytes, and make one checksum of the list."""
        count, size, digest = 0, 0, hashlib.sha256()
        for one in self.all():
            count += 1
            size += one.size
            digest.update(f"{one.key}\t{one.size}\t{one.sha256}\n".encode())
        return count, size, digest.hexdigest()
