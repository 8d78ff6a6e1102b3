"""Which objects rows say to have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from lungline.domain import BundleStatus, ExportStatus, JobStatus, UploadStatus
from storage.columns import AnySelect
from storage.models import (
    FILM_KEPT,
    BundleRow,
    ExportRow,
    FilmRow,
    JobRow,
    PredictionRow,
    UploadRow,
)
from storage.object_audit.owners import bundle_keys


@dataclass(frozen=True, slots=True)
class Claim:
    """A table whose rows have objects.

    Attributes:
        table: Its name.
        id: Column of the id, by which the audit goes on.
        query: Selects the id and then the keys of the rows that must have their objects.
    """

    table: str
    id: Any
    query: AnySelect

    def rows(
        self, connection: Connection, after: str, limit: int
    ) -> list[tuple[str, tuple[str, ...]]]:
        """List ids, behind one, with the keys that each must have."""
        query = self.query.where(self.id > after).order_by(self.id).limit(limit)
        return [_keys(row) for row in connection.execute(query)]

    def still(self, connection: Connection, row_id: str, key: str) -> bool:
        """Whether a row still says that it has a key."""
        row = connection.execute(self.query.where(self.id == row_id)).first()
        return row is not None and key in _keys(row)[1]


def _keys(row: Any) -> tuple[str, tuple[str, ...]]:
    if "manifest" in row._fields:
        return str(row[0]), tuple(sorted(bundle_keys(row.checksum, row.manifest)))
    return str(row[0]), tuple(str(key) for key in row[1:] if key is not None)


def claims() -> Iterator[Claim]:
    """All of them."""
    films = select(FilmRow.id, FilmRow.object_key).where(FILM_KEPT)
    yield Claim("films", FilmRow.id, films)
    pictures = select(PredictionRow.id, PredictionRow.mask_key, PredictionRow.view_key)
    of_kept = pictures.join(FilmRow, FilmRow.id == PredictionRow.film_id).where(FILM_KEPT)
    yield Claim("predictions", PredictionRow.id, of_kept)
    uploads = select(UploadRow.id, UploadRow.object_key)
    complete = uploads.where(UploadRow.status == UploadStatus.COMPLETE)
    yield Claim("uploads", UploadRow.id, complete)
    jobs = select(JobRow.id, JobRow.archive_key, JobRow.manifest_key)
    waiting = jobs.where(JobRow.status == JobStatus.EXPANDING, JobRow.deleted_at.is_(None))
    yield Claim("jobs", JobRow.id, waiting)
    exports = select(ExportRow.id, ExportRow.object_key)
    made = exports.where(ExportRow.status == ExportStatus.SUCCEEDED)
    yield Claim("exports", ExportRow.id, made)
    bundles = select(BundleRow.key, BundleRow.checksum, BundleRow.manifest)
    ready = bundles.where(BundleRow.status == BundleStatus.READY)
    yield Claim("bundles", BundleRow.key, ready)
