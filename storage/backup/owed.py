"""Which objects the rows of a backup name, and so should be in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lungline.domain import BundleStatus, ExportStatus, UploadStatus
from storage.backup.manifest import TableFile
from storage.backup.tables import table_rows
from storage.bundles import object_key

_Row = Mapping[str, Any]
_Keys = Callable[[_Row], Iterator[str | None]]


def owed(folder: Path, tables: Sequence[TableFile]) -> Iterator[str]:
    """Yield the keys of objects that rows own and that are not about to go.

    Args:
        folder: Of the rows.
        tables: Which; of an earlier revision some columns are missing.
    """
    files = {file.name: file for file in tables}
    # Their pictures go with them; there are few, those of a day.
    going = {row["id"] for row in _rows(folder, files, "films") if _is_going(row)}
    for name, keys_of in _KEYS.items():
        for row in _rows(folder, files, name):
            if row.get("film_id") not in going:
                yield from (key for key in keys_of(row) if key is not None)


def _rows(folder: Path, files: Mapping[str, TableFile], name: str) -> Iterator[_Row]:
    if name in files:
        yield from table_rows(folder, files[name])


def _is_going(film: _Row) -> bool:
    return film.get("deleting_at") is not None


def _of_film(row: _Row) -> Iterator[str | None]:
    if not _is_going(row) and row.get("dropped_at") is None:
        yield row["object_key"]


def _of_prediction(row: _Row) -> Iterator[str | None]:
    if row.get("dropped_at") is None:
        yield from (row.get("mask_key"), row.get("view_key"))


def _of_job(row: _Row) -> Iterator[str | None]:
    if row.get("deleted_at") is None and not row.get("archive_spent"):
        yield from (row.get("archive_key"), row.get("manifest_key"))


def _of_upload(row: _Row) -> Iterator[str | None]:
    if row["status"] == UploadStatus.COMPLETE:
        yield row["object_key"]


def _of_export(row: _Row) -> Iterator[str | None]:
    if row["status"] == ExportStatus.SUCCEEDED:
        yield row["object_key"]


def _of_bundle(row: _Row) -> Iterator[str | None]:
    if row["status"] == BundleStatus.READY:
        for digest in {*row["manifest"]["files"].values(), row["checksum"]}:
            yield object_key(row["checksum"], digest)


_KEYS: Mapping[str, _Keys] = {
    "films": _of_film,
    "predictions": _of_prediction,
    "jobs": _of_job,
    "uploads": _of_upload,
    "exports": _of_export,
    "bundles": _of_bundle,
}
