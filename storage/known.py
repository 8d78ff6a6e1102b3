"""Some objects that should be in the store: for one without a marker, or that fails for others."""

from __future__ import annotations

from alembic.runtime.migration import MigrationContext
from sqlalchemy import select

from lungline.domain import BundleStatus, ExportStatus, UploadStatus
from storage.bundles import object_key
from storage.database import Database
from storage.models import (
    FILM_KEPT,
    JOB_EXPANDING,
    BundleRow,
    ExportRow,
    FilmRow,
    JobRow,
    UploadRow,
)

EACH = 3
"""Objects of each kind, and of films so many of the oldest and of the newest."""


class KnownObjects:
    """Keys that rows own."""

    def __init__(self, database: Database) -> None:
        """Keep the database."""
        self._database = database

    def some(self) -> list[str]:
        """Name a few; none where the database knows no object.

        Raises:
            DatabaseUnavailable: The database does not answer.
        """
        films = select(FilmRow.object_key).where(FILM_KEPT)
        archives = select(JobRow.archive_key).where(JOB_EXPANDING, JobRow.archive_key.is_not(None))
        uploads = select(UploadRow.object_key).where(UploadRow.status == UploadStatus.COMPLETE)
        exports = select(ExportRow.object_key).where(ExportRow.status == ExportStatus.SUCCEEDED)
        bundles = select(BundleRow.checksum).where(BundleRow.status == BundleStatus.READY)
        queries = (
            films.order_by(FilmRow.id),
            films.order_by(FilmRow.id.desc()),
            archives.order_by(JobRow.id),
            uploads.order_by(UploadRow.id),
            exports.order_by(ExportRow.id),
        )
        with self._database.read() as connection:
            if MigrationContext.configure(connection).get_current_revision() is None:
                return []  # it has no tables yet
            found = [
                key for query in queries for key in connection.execute(query.limit(EACH)).scalars()
            ]
            added = connection.execute(bundles.order_by(BundleRow.key).limit(EACH)).scalars().all()
        keys = [key for key in found if key is not None]
        return [*dict.fromkeys(keys), *(object_key(checksum, checksum) for checksum in added)]

    def beside(self, tenant: str, sha256: str) -> list[str]:
        """Name a few other stored films of a tenant: any, but the same ones each time.

        Those whose digests are next to that of a film, as digests say nothing of films.

        Raises:
            DatabaseUnavailable: The database does not answer.
        """
        films = select(FilmRow.object_key).where(FilmRow.tenant == tenant, FILM_KEPT)
        queries = (
            films.where(FilmRow.sha256 < sha256).order_by(FilmRow.sha256.desc()),
            films.where(FilmRow.sha256 > sha256).order_by(FilmRow.sha256),
        )
        with self._database.read() as connection:
            return [
                key for query in queries for key in connection.execute(query.limit(EACH)).scalars()
            ]
