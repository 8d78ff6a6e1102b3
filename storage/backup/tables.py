"""The tables as text: a file each, a row a line, the same for SQLite and PostgreSQL.

Tables are taken as the database itself describes them, so that code of a later version can fill
those of an earlier one and migrate them afterwards.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Connection, MetaData, Table, event, select

from storage.backup.manifest import BackupUnusable, TableFile

CHUNK_ROWS = 1000
VERSION_TABLE = "alembic_version"


def reflect(connection: Connection) -> list[Table]:
    """Ask the database for its tables, those first to which others refer."""
    metadata = MetaData()
    event.listen(metadata, "column_reflect", _without_json_null)
    metadata.reflect(connection)
    return [table for table in metadata.sorted_tables if table.name != VERSION_TABLE]


def _without_json_null(inspector: object, table: object, column: dict[str, Any]) -> None:
    """Take None for SQL's NULL, as the models do, and not for the JSON value."""
    if isinstance(column["type"], JSON):
        column["type"] = JSON(none_as_null=True)


def dump_table(connection: Connection, table: Table, folder: Path) -> TableFile:
    """Write all rows of a table into a file, in bounded memory."""
    path = _path(folder, table.name)
    rows = 0
    query = select(table).order_by(*table.primary_key.columns)
    found = connection.execution_options(yield_per=CHUNK_ROWS).execute(query)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        with gzip.GzipFile("", "wb", 6, file, mtime=0) as packed:
            for row in found:
                line = json.dumps(list(row), allow_nan=False, separators=(",", ":"))
                packed.write(f"{line}\n".encode())
                rows += 1
        file.flush()
        os.fsync(file.fileno())
    return TableFile(table.name, tuple(table.columns.keys()), rows, _digest(path))


def check_table(folder: Path, file: TableFile) -> None:
    """Compare a file with its checksum.

    Raises:
        BackupUnusable: It is not what was written.
    """
    path = _path(folder, file.name)
    if not path.is_file() or _digest(path) != file.sha256:
        raise BackupUnusable(f"{path} is damaged or missing: take another backup")


def load_table(connection: Connection, table: Table, folder: Path, file: TableFile) -> None:
    """Insert all rows of a file into an empty table.

    Raises:
        BackupUnusable: The file holds another number of rows.
    """
    count = 0
    rows = table_rows(folder, file)
    while chunk := list(islice(rows, CHUNK_ROWS)):
        connection.execute(table.insert(), chunk)
        count += len(chunk)
    if count != file.rows:
        raise BackupUnusable(f"{file.name} has {count:,} rows, not {file.rows:,}")


def table_rows(folder: Path, file: TableFile) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file, by the names of their columns."""
    with gzip.open(_path(folder, file.name), "rt", encoding="utf-8") as lines:
        for line in lines:
            yield dict(zip(file.columns, json.loads(line), strict=True))


def _path(folder: Path, name: str) -> Path:
    return folder / f"{name}.ndjson.gz"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
