"""The table of manifest lines: films meet their lines by name, in whatever order they come."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from storage.columns import AnyRow
from storage.entries import NewEntry
from storage.external import External
from storage.items import NewItem
from storage.manifests.lines import MOST_NAME, Line
from storage.models import ManifestRow
from storage.upserts import chunks


def key_of(name: str) -> str:
    """Digest of a film's name, equal for names that people take for the same.

    Whether an accented letter is one character or two, and which way a slash leans, depends on the
    program that wrote it.
    """
    plain = unicodedata.normalize("NFC", name[-MOST_NAME:]).replace("\\", "/").removeprefix("./")
    return hashlib.sha256(plain.encode(errors="surrogatepass")).hexdigest()[:32]


def add(connection: Connection, job_id: str, lines: Sequence[Line]) -> None:
    """Insert lines; one whose film an earlier line names is told as such."""
    keys = [key_of(line.name) for line in lines if line.problem is None]
    earlier: dict[str, int] = {row.key: row.line for row in _named(connection, job_id, keys)}
    rows = [_row(job_id, line, earlier) for line in lines]
    if rows:
        connection.execute(insert(ManifestRow), rows)


def join(connection: Connection, job_id: str, entries: Sequence[NewEntry]) -> list[NewEntry]:
    """Give films of an archive what the manifest says of them, and mark their lines as found."""
    keys = {key_of(entry.name) for entry in entries if entry.item is not None}
    said = {row.key: row for row in _named(connection, job_id, keys)}
    for some in chunks(sorted(row.line for row in said.values())):
        mine = (ManifestRow.job_id == job_id, ManifestRow.line.in_(some))
        connection.execute(update(ManifestRow).where(*mine).values(found=True))
    return [_joined(entry, said) for entry in entries]


def named_after(
    connection: Connection, job_id: str, line: int, limit: int
) -> list[tuple[int, str]]:
    """List lines behind one, with the names of their films."""
    query = (
        select(ManifestRow.line, ManifestRow.name)
        .where(ManifestRow.job_id == job_id, ManifestRow.line > line, ManifestRow.key.is_not(None))
        .order_by(ManifestRow.line)
        .limit(limit)
    )
    return [(row.line, row.name) for row in connection.execute(query)]


def take_rest(connection: Connection, job_id: str, limit: int) -> tuple[int, list[NewEntry]]:
    """Remove the first lines of a manifest whose archive has been read.

    Returns:
        How many there were, and an entry for each that had no film, with the reason.
    """
    query = select(ManifestRow).where(ManifestRow.job_id == job_id).order_by(ManifestRow.line)
    rows = connection.execute(query.limit(limit).with_only_columns(*ManifestRow.__table__.c)).all()
    if rows:
        gone = (ManifestRow.job_id == job_id, ManifestRow.line <= rows[-1].line)
        connection.execute(delete(ManifestRow).where(*gone))
    return len(rows), [_missing(row) for row in rows if not row.found]


def remove(connection: Connection, job_id: str, limit: int) -> int:
    """Remove lines of a job that is being deleted, at most `limit`; return their number."""
    return take_rest(connection, job_id, limit)[0]


def _named(connection: Connection, job_id: str, keys: Iterable[str]) -> list[AnyRow]:
    found: list[AnyRow] = []
    for some in chunks(sorted(keys)):
        query = select(
            ManifestRow.key,
            ManifestRow.line,
            ManifestRow.external_id,
            ManifestRow.client_metadata,
        ).where(ManifestRow.job_id == job_id, ManifestRow.key.in_(some))
        found += connection.execute(query).all()
    return found


def _row(job_id: str, line: Line, earlier: dict[str, int]) -> dict[str, Any]:
    key: str | None = None
    code, reason = ("manifest_line", line.problem) if line.problem else (None, None)
    if line.problem is None:
        key = key_of(line.name)
        first = earlier.setdefault(key, line.number)
        if first != line.number:
            key, code = None, "listed_twice"
            reason = f"Line {line.number:,} of the manifest names the film of line {first:,} again."
    return {
        "job_id": job_id,
        "line": line.number,
        "key": key,
        "name": line.name or f"line {line.number}",
        "external_id": line.external.id,
        "client_metadata": line.external.metadata,
        "error_code": code,
        "error_reason": reason,
        "found": False,
    }


def _joined(entry: NewEntry, said: dict[str, AnyRow]) -> NewEntry:
    row = said.get(key_of(entry.name)) if entry.item is not None else None
    if row is None or entry.item is None:
        return entry
    external = External(row.external_id, row.client_metadata)
    return replace(entry, item=replace(entry.item, external=external))


def _missing(row: AnyRow) -> NewEntry:
    reason = f"Line {row.line:,} of the manifest names a film that is not there."
    error = (row.error_code or "missing_entry", row.error_reason or reason)
    item = NewItem(row.name, None, error, External(row.external_id, row.client_metadata))
    return NewEntry(row.name, item)
