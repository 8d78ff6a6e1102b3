"""Backups that are being taken: what their rows name must still be there when it is copied.

A backup takes the rows as they are at one moment and then copies the objects, maybe for hours. So
it says that it runs, under a lease, before it looks at the rows; and while one runs, nothing that
was marked as gone goes from the store. Each deletion has its mark committed before, and asks for
marks and backups in one statement: who sees a mark that came after the rows were taken sees the
backup.
"""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from sqlalchemy import ColumnElement, Connection, delete, exists, insert, select, update

from lungline.domain import new_id
from lungline.errors import DatabaseUnavailable
from lungline.telemetry import get_logger
from storage.database import Database
from storage.models import BackupRow

HOLD_SECONDS = 120.0
"""How long a backup that died keeps deletions waiting."""
_RENEWAL_SECONDS = 10.0

log = get_logger(__name__)


def no_backup(database: Database) -> ColumnElement[bool]:
    """The condition that no backup is being taken."""
    now = database.now()
    # One that ends later than any can was made before the clock was set back.
    held = BackupRow.expires_at.between(now, now + HOLD_SECONDS)
    return ~exists().where(held)


def is_held(database: Database) -> bool:
    """Whether a backup is being taken."""
    with database.read() as connection:
        return not connection.execute(select(no_backup(database))).scalar_one()


class BackupHold:
    """Says that a backup is being taken for as long as the block lasts."""

    def __init__(self, database: Database) -> None:
        """Say nothing yet."""
        self._database = database
        self._id = new_id()
        self._ended = threading.Event()
        self._renewer = threading.Thread(target=self._renew_all, name="backup-hold", daemon=True)

    def __enter__(self) -> Self:
        """Say it, and go on saying it.

        Raises:
            DatabaseUnavailable: The database does not answer.
        """
        self._database.run(self._begin)
        self._renewer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let deletions go on."""
        self._ended.set()
        self._renewer.join()
        try:
            self._database.run(self._end)
        except DatabaseUnavailable as unavailable:
            log.warning("deletions wait until the backup expires", code=unavailable.code)

    def _renew_all(self) -> None:
        while not self._ended.wait(_RENEWAL_SECONDS):
            try:
                self._database.run(self._renew)
            except DatabaseUnavailable as unavailable:
                log.warning("backup not renewed; tried again", code=unavailable.code)
            except Exception:  # else one moment's trouble would end the renewal for good
                log.exception("backup not renewed; tried again")

    def _begin(self, connection: Connection) -> None:
        now = self._database.time(connection)
        # Those that died; nobody else tidies them away.
        connection.execute(delete(BackupRow).where(BackupRow.expires_at < now))
        self._insert(connection, now)

    def _renew(self, connection: Connection) -> None:
        now = self._database.time(connection)
        mine = update(BackupRow).where(BackupRow.id == self._id)
        if not connection.execute(mine.values(expires_at=now + HOLD_SECONDS)).rowcount:
            self._insert(connection, now)  # it was late, and another backup tidied it away

    def _insert(self, connection: Connection, now: float) -> None:
        row = {"id": self._id, "expires_at": now + HOLD_SECONDS}
        connection.execute(insert(BackupRow).values(row))

    def _end(self, connection: Connection) -> None:
        connection.execute(delete(BackupRow).where(BackupRow.id == self._id))
