"""Entries: what an archive held, and what became of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, case, delete, insert, select

from lungline.domain import EntryOutcome
from storage.columns import AnySelect
from storage.database import Database
from storage.items import NewItem, require_job
from storage.models import EntryRow, ItemRow
from storage.pages import Page, make_page, seq_after
from storage.tally import Tally


@dataclass(frozen=True, slots=True)
class NewEntry:
    """An entry that an expander has seen.

    Attributes:
        name: For display only: never a key, never logged.
        item: Its item; None when it is ignored.
        size: Bytes unpacked, as far as known.
        sha256: Of these bytes as they came; None when they were not read.
    """

    name: str
    item: NewItem | None
    size: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a job's archive.

    Attributes:
        seq: Its place in the archive, from 0.
        name: As the archive has it.
        outcome: What became of it.
        item_id: Its item; None when it was ignored.
        duplicate_of: The first item of the job with the same film, for a duplicate.
        size: Bytes unpacked; None when unknown.
        sha256: Of these bytes as they came; None when they were not read.
        error_code: Why it was rejected; a key of `lungline.errors.FILM_CODES`.
        error_reason: The same for people.
    """

    seq: int
    name: str
    outcome: EntryOutcome
    item_id: str | None
    duplicate_of: str | None
    size: int | None
    sha256: str | None
    error_code: str | None
    error_reason: str | None


# What a film fails of after it was accepted is told by its item, not by the archive's entry.
_REJECTED = EntryRow.outcome == EntryOutcome.REJECTED
# In the order of Entry's fields.
_COLUMNS = (
    EntryRow.seq,
    EntryRow.name,
    EntryRow.outcome,
    EntryRow.item_id,
    ItemRow.duplicate_of,
    EntryRow.size,
    EntryRow.sha256,
    case((_REJECTED, ItemRow.error_code)),
    case((_REJECTED, ItemRow.error_reason)),
)


class Entries:
    """Reads entries."""

    def __init__(self, database: Database) -> None:
        """Keep the database."""
        self._database = database

    def page(
        self,
        tenant: str,
        job_id: str,
        *,
        limit: int,
        cursor: str | None = None,
        outcome: EntryOutcome | None = None,
    ) -> Page[Entry]:
        """List entries of a job in the archive's order; none where films came without one.

        Args:
            tenant: Whose job.
            job_id: The job.
            limit: Most entries to list.
            cursor: `next_cursor` of the page before.
            outcome: Only entries with this outcome.

        Raises:
            JobNotFound: There is no such job.
            InvalidParameter: The cursor is not one that this method gave.
        """
        query = _after(job_id, seq_after(cursor), limit + 1, outcome)
        with self._database.read() as connection:
            require_job(connection, tenant, job_id)
            rows = connection.execute(query).all()
        return make_page(rows, limit, lambda row: Entry(*row), lambda entry: str(entry.seq))


def add(
    connection: Connection,
    job_id: str,
    entries: Sequence[NewEntry],
    items: Iterable[Mapping[str, Any]],
    first_seq: int,
    tally: Tally,
) -> None:
    """Insert entries of a job's archive.

    Args:
        connection: A write transaction.
        job_id: The job.
        entries: In their order.
        items: The rows of their items, which are inserted, in order.
        first_seq: The `seq` of the first entry.
        tally: Takes the changes of the job's counters.
    """
    waiting = iter(items)
    rows = [
        _row(job_id, seq, entry, next(waiting) if entry.item else None)
        for seq, entry in enumerate(entries, start=first_seq)
    ]
    if rows:
        connection.execute(insert(EntryRow), rows)
    for row in rows:
        tally.add(job_id, f"entries_{row['outcome']}", 1)


def remove(connection: Connection, job_id: str, limit: int) -> int:
    """Remove entries of a job that is being deleted, at most `limit`; return their number."""
    some = select(EntryRow.seq).where(EntryRow.job_id == job_id).order_by(EntryRow.seq)
    last = connection.execute(some.limit(limit)).scalars().all()[-1:]
    if not last:
        return 0
    gone = delete(EntryRow).where(EntryRow.job_id == job_id, EntryRow.seq <= last[0])
    return connection.execute(gone).rowcount


def _row(job_id: str, seq: int, entry: NewEntry, item: Mapping[str, Any] | None) -> dict[str, Any]:
    outcome = _outcome(entry, item)
    accepted = item is not None and outcome is EntryOutcome.ACCEPTED
    return {
        "job_id": job_id,
        "seq": seq,
        "name": entry.name,
        "outcome": outcome,
        "item_id": item["id"] if item else None,
        "film_id": item["film_id"] if item and accepted else None,
        "size": entry.size,
        "sha256": entry.sha256,
    }


def _outcome(entry: NewEntry, item: Mapping[str, Any] | None) -> EntryOutcome:
    if entry.item is None or item is None:
        return EntryOutcome.IGNORED
    if entry.item.error is not None:
        return EntryOutcome.REJECTED
    return EntryOutcome.DUPLICATE if item["duplicate_of"] else EntryOutcome.ACCEPTED


def _after(job_id: str, seq: int, limit: int, outcome: EntryOutcome | None) -> AnySelect:
    query = (
        select(*_COLUMNS)
        .select_from(EntryRow)
        .outerjoin(ItemRow, ItemRow.id == EntryRow.item_id)
        .where(EntryRow.job_id == job_id, EntryRow.seq > seq)
    )
    if outcome is not None:
        query = query.where(EntryRow.outcome == outcome)
    return query.order_by(EntryRow.seq).limit(limit)
