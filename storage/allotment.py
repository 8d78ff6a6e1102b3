"""What an operator allots to object store and database: of S3 and PostgreSQL no disk tells."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, case, func, select, text

from lungline.domain import JobStatus
from lungline.errors import StorageFull
from lungline.settings import Settings
from storage.database import Database
from storage.models import JOB_OPEN, UPLOAD_HELD, ExportRow, JobRow, TenantRow, UploadRow

_DATABASE_SIZE = {
    "postgresql": "SELECT pg_database_size(current_database())",
    "sqlite": "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
}


class Allotment:
    """Compares what there is with what may be; asks nothing where no bound is set."""

    def __init__(self, settings: Settings, database: Callable[[], Database]) -> None:
        """Keep the bounds.

        Args:
            settings: Say the bounds.
            database: Gives the database when it is asked.
        """
        self._store, self._rows = settings.max_store_bytes, settings.max_database_bytes
        self._database = database

    def check(self, coming_bytes: int = 0) -> None:
        """Do nothing while there is room.

        Args:
            coming_bytes: What is about to be stored.

        Raises:
            StorageFull: One of the bounds would be passed.
            DatabaseUnavailable: The database does not answer.
        """
        if self._store is None and self._rows is None:
            return
        with self._database().read() as connection:
            if self._store is not None and stored_by_all(connection) + coming_bytes > self._store:
                raise _full("object store", "LUNGLINE_MAX_STORE_BYTES", self._store)
            if self._rows is not None and _database_size(connection) > self._rows:
                raise _full("database", "LUNGLINE_MAX_DATABASE_BYTES", self._rows)


def stored_by_all(connection: Connection) -> int:
    """Count the bytes of all tenants' films, exports, and archives that wait or come."""
    of_job = func.coalesce(JobRow.archive_size, 0) + func.coalesce(JobRow.manifest_size, 0)
    waiting = case((JobRow.status == JobStatus.EXPANDING, of_job), else_=0)
    sums = (
        select(func.sum(TenantRow.film_bytes)),
        select(func.sum(waiting)).where(JOB_OPEN),
        select(func.sum(UploadRow.size)).where(UPLOAD_HELD),
        select(func.sum(ExportRow.size)),
    )
    return sum(int(connection.execute(each).scalar_one() or 0) for each in sums)


def _database_size(connection: Connection) -> int:
    query = text(_DATABASE_SIZE[connection.dialect.name])
    return int(connection.execute(query).scalar_one())


def _full(what: str, setting: str, most: int) -> StorageFull:
    return StorageFull(
        f"The {what} holds as much as {setting} allots to it ({most:,} bytes). Nothing is taken "
        "until jobs are deleted or its operator allots more."
    )
