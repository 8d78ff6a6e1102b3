"""What a second reading changed: the top labels of films in a job, and in the job it was made of.

The entries of such a job are the items of the other one, place by place. They are gone through in
pieces, each a short transaction of its own, so that a job of a million films costs no more memory
and blocks nobody longer than a small one.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select
from sqlalchemy.orm import aliased

from lungline.errors import JobNotFound, NotReadAgain, SourceGone
from storage.columns import AnyRow, AnySelect
from storage.database import Database
from storage.items import require_job
from storage.models import EntryRow, ItemRow, JobRow, PredictionRow
from storage.pages import Page, seq_after

PIECE = 5_000
"""Places that one query looks at."""
MOST_PIECES = 20
"""Pieces that one page looks at: where little changed it ends there, with what it has."""
_BEFORE, _AFTER = aliased(ItemRow, name="before"), aliased(ItemRow, name="after")
_WAS, _IS = aliased(PredictionRow, name="was"), aliased(PredictionRow, name="now")


@dataclass(frozen=True, slots=True)
class Reading:
    """What one of the two jobs found on a film.

    Attributes:
        item_id: Its item there.
        top_label: The label with the highest probability.
        findings: As in `NewPrediction`.
    """

    item_id: str
    top_label: str
    findings: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Change:
    """A film whose top label differs.

    Attributes:
        seq: Its place in the job it was first read in.
        name: What the client called it.
        external_id: The client's own id of it.
        before: What the first job found.
        after: What this one found.
    """

    seq: int
    name: str
    external_id: str | None
    before: Reading
    after: Reading


@dataclass(frozen=True, slots=True)
class Move:
    """How many films have one top label in the first job, and one in this.

    Attributes:
        before: None: not read there, or not yet.
        after: The same here.
        count: Films.
    """

    before: str | None
    after: str | None
    count: int


class Changes:
    """Compares jobs with those they were made of."""

    def __init__(self, database: Database) -> None:
        """Keep the database."""
        self._database = database

    def page(
        self, tenant: str, job_id: str, *, limit: int, cursor: str | None = None
    ) -> Page[Change]:
        """List films whose top label differs, in the order of the first job.

        A page may be shorter than `limit`, or empty, and yet have a next one.

        Args:
            tenant: Whose job.
            job_id: The later job.
            limit: Most films to list.
            cursor: `next_cursor` of the page before.

        Raises:
            JobNotFound: There is no such job.
            NotReadAgain: It was not made of another one.
            SourceGone: That one was deleted.
            InvalidParameter: The cursor is not one that this method gave.
        """
        after, found = seq_after(cursor), list[Change]()
        differs = _IS.top_label != _WAS.top_label
        for _ in range(MOST_PIECES):
            with self._database.read() as connection:
                source, last = _pair(connection, tenant, job_id)
                query = _compared(job_id, source, after).where(differs).order_by(EntryRow.seq)
                rows = connection.execute(query.limit(limit + 1 - len(found))).all()
            found += map(_change, rows)
            if len(found) > limit:
                return Page(found[:limit], str(found[limit - 1].seq))
            after += PIECE
            if after >= last:
                return Page(found, None)
        return Page(found, str(after))

    def summary(self, tenant: str, job_id: str) -> list[Move]:
        """Count films by their top label before and after, unchanged ones too, in stable order.

        Raises:
            JobNotFound: There is no such job.
            NotReadAgain: It was not made of another one.
            SourceGone: That one was deleted.
        """
        counts: Counter[tuple[str | None, str | None]] = Counter()
        after, last = -1, 0
        while after < last:
            with self._database.read() as connection:
                source, last = _pair(connection, tenant, job_id)
                columns = (_WAS.top_label, _IS.top_label)
                query = _compared(job_id, source, after).with_only_columns(*columns, func.count())
                for before, now, count in connection.execute(query.group_by(*columns)):
                    counts[before, now] += count
            after += PIECE
        ordered = sorted(counts.items(), key=lambda each: [_last_if_none(one) for one in each[0]])
        return [Move(before, now, count) for (before, now), count in ordered]


def _pair(connection: Connection, tenant: str, job_id: str) -> tuple[str, int]:
    """The job that another was made of, and the place of its last film that was taken."""
    require_job(connection, tenant, job_id)
    query = select(JobRow.from_job, JobRow.entries_seen).where(JobRow.id == job_id)
    source, seen = connection.execute(query).one()
    if source is None:
        raise NotReadAgain(
            "The job was not made of another one, so there is nothing to compare it with. "
            'POST /v1/jobs with {"from_job": ID} reads the films of a job again.'
        )
    try:
        require_job(connection, tenant, source)
    except JobNotFound:
        raise SourceGone(f"Job {source}, of which this one was made, was deleted.") from None
    return source, seen - 1


def _compared(job_id: str, source: str, after: int) -> AnySelect:
    """Films at the places behind one, as both jobs have them."""
    return (
        select(
            EntryRow.seq,
            _AFTER.name,
            _AFTER.external_id,
            _BEFORE.id,
            _WAS.top_label,
            _WAS.findings,
            _AFTER.id,
            _IS.top_label,
            _IS.findings,
        )
        .select_from(EntryRow)
        .join(_AFTER, _AFTER.id == EntryRow.item_id)
        .join(_BEFORE, (_BEFORE.job_id == source) & (_BEFORE.seq == EntryRow.seq))
        .outerjoin(_WAS, _WAS.id == _BEFORE.prediction_id)
        .outerjoin(_IS, _IS.id == _AFTER.prediction_id)
        .where(EntryRow.job_id == job_id, EntryRow.seq > after, EntryRow.seq <= after + PIECE)
    )


def _change(row: AnyRow) -> Change:
    seq, name, external_id, *readings = tuple(row)
    return Change(seq, name, external_id, Reading(*readings[:3]), Reading(*readings[3:]))


def _last_if_none(label: str | None) -> tuple[bool, str]:
    return (label is None, label or "")
