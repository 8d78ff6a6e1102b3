"""Items: the films of a job, one by one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, exists, select

from lungline.domain import ItemStatus, new_id
from lungline.errors import ItemNotFound, JobNotFound
from storage import films, predictions, transitions
from storage.columns import AnyRow, AnySelect
from storage.common_terms import Bounds
from storage.database import Database
from storage.external import NOTHING, External
from storage.films import FILM_COLUMNS, FilmRef, Restore
from storage.intake.film import IntakenFilm
from storage.models import EntryRow, FailureRow, FilmRow, ItemRow, JobRow, PredictionRow
from storage.pages import Page, make_page, seq_after
from storage.predictions import PREDICTION_COLUMNS, Prediction
from storage.tally import Tally
from storage.terms import Condition, Kind, search
from storage.upserts import chunks

STREAM_PAGE = 500
RUN_PAGE = 50


@dataclass(frozen=True, slots=True)
class NewItem:
    """A film of a new job; either `film` or `error` is given.

    Attributes:
        name: For display only: never a key, never logged.
        film: What intake stored.
        error: Code and reason of a film that intake refused; the item is born `failed`.
        external: What the client said of it.
    """

    name: str
    film: IntakenFilm | None
    error: tuple[str, str] | None = None
    external: External = NOTHING

    def __post_init__(self) -> None:
        """Check that there is exactly one of film and error."""
        if (self.film is None) == (self.error is None):
            raise ValueError("A new item needs either its film or its error")


@dataclass(frozen=True, slots=True)
class Item:
    """One film of a job.

    Attributes:
        id: The item's id.
        job_id: Its job.
        seq: Its place in the job, from 0.
        name: What the client called it.
        status: Where it stands.
        error_code: Why it failed; a key of `lungline.errors.FILM_CODES`.
        error_reason: The same for people.
        attempt: Runs that reached an end, or that ended its process while it was read alone.
        reused: Whether an earlier prediction answered it.
        duplicate_of: The first item of the job that has the same film; None when this is it.
        external_id: The client's own id of it.
        metadata: What else the client said of it, as it came.
        study_hash: Keyed hash of the film's study; None where its file named none.
        patient_hash: Keyed hash of its patient.
        film: The stored film; None when intake refused it.
        prediction: The findings; None until it succeeded.
        created_at: Seconds since the epoch.
        started_at: When its latest run began.
        finished_at: When it reached its last status.
    """

    id: str
    job_id: str
    seq: int
    name: str
    status: ItemStatus
    error_code: str | None
    error_reason: str | None
    attempt: int
    reused: bool
    duplicate_of: str | None
    external_id: str | None
    metadata: dict[str, Any] | None
    study_hash: str | None
    patient_hash: str | None
    film: FilmRef | None
    prediction: Prediction | None
    created_at: float
    started_at: float | None
    finished_at: float | None


@dataclass(frozen=True, slots=True)
class Failure:
    """How an item failed before it was retried.

    Attributes:
        attempt: Its attempt number then.
        error_code: A key of `lungline.errors.FILM_CODES`.
        error_reason: The same for people.
        finished_at: When it failed, in seconds since the epoch.
        retried_at: When it went back into the queue.
    """

    attempt: int
    error_code: str
    error_reason: str | None
    finished_at: float | None
    retried_at: float


# In the order of Item's fields, without film and prediction.
_HEAD = (
    ItemRow.id,
    ItemRow.job_id,
    ItemRow.seq,
    ItemRow.name,
    ItemRow.status,
    ItemRow.error_code,
    ItemRow.error_reason,
    ItemRow.attempt,
    ItemRow.reused,
    ItemRow.duplicate_of,
    ItemRow.external_id,
    ItemRow.client_metadata,
    ItemRow.study_hash,
    ItemRow.patient_hash,
)
_TAIL = (ItemRow.created_at, ItemRow.started_at, ItemRow.finished_at)
_FILM_AT = len(_HEAD)
_PREDICTION_AT = _FILM_AT + len(FILM_COLUMNS)
_TAIL_AT = _PREDICTION_AT + len(PREDICTION_COLUMNS)


# The items of a deleted job go a little later than the job.
_JOB_IS_THERE = exists().where(JobRow.id == ItemRow.job_id, JobRow.deleted_at.is_(None))


class Items:
    """Reads items."""

    def __init__(self, database: Database) -> None:
        """Keep the database."""
        self._database = database

    def get(self, tenant: str, item_id: str) -> Item:
        """Get one item.

        Raises:
            ItemNotFound: There is none with this id, or it is another tenant's.
        """
        query = _select().where(ItemRow.id == item_id, ItemRow.tenant == tenant, _JOB_IS_THERE)
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise ItemNotFound(f"There is no item {item_id!r}.")
        return _item(row)

    def failures(self, tenant: str, item_id: str) -> list[Failure]:
        """List how an item failed before its retries, first one first.

        Raises:
            ItemNotFound: There is no such item.
        """
        query = (
            select(*(getattr(FailureRow, field) for field in Failure.__slots__))
            .where(FailureRow.item_id == item_id)
            .order_by(FailureRow.attempt)
        )
        known = (ItemRow.id == item_id, ItemRow.tenant == tenant, _JOB_IS_THERE)
        item = select(ItemRow.id).where(*known)
        with self._database.read() as connection:
            if connection.execute(item).first() is None:
                raise ItemNotFound(f"There is no item {item_id!r}.")
            rows: list[tuple[Any, ...]] = [tuple(row) for row in connection.execute(query)]
        return [Failure(*row) for row in rows]

    def page(
        self,
        tenant: str,
        job_id: str,
        *,
        limit: int,
        cursor: str | None = None,
        status: ItemStatus | None = None,
    ) -> Page[Item]:
        """List the items of a job in their order.

        Args:
            tenant: Whose job.
            job_id: Which job.
            limit: Most items to list.
            cursor: `next_cursor` of the page before.
            status: Only items with this status.

        Raises:
            JobNotFound: There is no such job.
            InvalidParameter: The cursor is not one that this method gave.
        """
        after = seq_after(cursor)
        with self._database.read() as connection:
            require_job(connection, tenant, job_id)
            rows = connection.execute(_after(job_id, after, limit + 1, status)).all()
        return make_page(rows, limit, _item, lambda item: str(item.seq))

    def find(
        self,
        tenant: str,
        *,
        limit: int,
        cursor: str | None = None,
        external_id: str | None = None,
        study_hash: str | None = None,
        metadata: Collection[Condition] = (),
    ) -> Page[Item]:
        """List items of all jobs, newest first, by an index each; give one of the three at least.

        A page has fewer than `limit` items, or none, and another behind it, where very many have
        each term of the metadata and few have all.

        Args:
            tenant: Whose items.
            limit: Most items to list.
            cursor: `next_cursor` of the page before.
            external_id: Only items with this id of the client.
            study_hash: Only items of this study, as items tell it.
            metadata: Only items whose metadata has all of these, see `storage.terms`.
        """
        lead = external_id is None and study_hash is None
        if lead and not metadata:
            raise ValueError("Items of all jobs are found by external id, study or metadata")
        conditions = [ItemRow.tenant == tenant, _JOB_IS_THERE]
        if external_id is not None:
            conditions.append(ItemRow.external_id == external_id)
        if study_hash is not None:
            conditions.append(ItemRow.study_hash == study_hash)
        with self._database.read() as connection:
            found = search(connection, Kind.ITEM, tenant, ItemRow.id, metadata, lead=lead)
            page, rest = found.page(conditions, Bounds(below=cursor), limit + 1)
            query = _select().where(ItemRow.id.in_(page)).order_by(ItemRow.id.desc())
            rows = connection.execute(query).all()
        return make_page(rows, limit, _item, lambda item: item.id, rest)

    def stream(self, tenant: str, job_id: str) -> Iterator[Item]:
        """Yield all items of a job in their order, in bounded memory.

        Each page is a transaction of its own, so that a slow reader holds nothing.

        Raises:
            JobNotFound: There is no such job; raised by the call, not by the first item.
        """
        with self._database.read() as connection:
            require_job(connection, tenant, job_id)
        return self._stream(job_id)

    def run(self, tenant: str, job_id: str, first: int, count: int) -> Iterator[Item]:
        """Yield the items of a job whose `seq` is `first` to `first + count - 1`, in their order.

        Like `stream`, a page at a time.
        """
        page: Page[Item] | None = None
        left = count
        while left > 0 and (page is None or page.next_cursor is not None):
            cursor = page.next_cursor if page else str(first - 1) if first else None
            page = self.page(tenant, job_id, limit=min(left, RUN_PAGE), cursor=cursor)
            yield from page.items
            left -= len(page.items)

    def _stream(self, job_id: str) -> Iterator[Item]:
        after = -1
        while True:
            with self._database.read() as connection:
                rows = connection.execute(_after(job_id, after, STREAM_PAGE, None)).all()
            yield from map(_item, rows)
            if len(rows) < STREAM_PAGE:
                return
            after = rows[-1].seq


def add(
    connection: Connection,
    at: float,
    job: Any,
    items: Sequence[NewItem],
    first_seq: int,
    tally: Tally,
    restore: Restore = films.cannot_restore,
) -> list[dict[str, Any]]:
    """Insert the items of a job, and the films that are new.

    A film that this job's bundle has read before is answered at once.

    Args:
        connection: A write transaction.
        at: The server's time.
        job: Anything with the `id`, `tenant` and `bundle` of the job.
        items: In their order.
        first_seq: The `seq` of the first.
        tally: Takes the changes of the job's counters.
        restore: See `films.upsert`.

    Returns:
        The rows as they were inserted, in the order of `items`.
    """
    taken = [item.film for item in items if item.film is not None]
    film_ids = films.upsert(connection, at, job.tenant, taken, tally, restore)
    known = predictions.existing(connection, job.bundle, film_ids.values())
    firsts = _firsts(connection, job.id, film_ids.values()) if first_seq else {}
    rows = []
    for seq, item in enumerate(items, start=first_seq):
        film_id = film_ids[item.film.sha256] if item.film else None
        row = _row(item, film_id, known.get(film_id or ""), job, seq, at)
        first = firsts.setdefault(film_id, row["id"]) if film_id else row["id"]
        rows.append(row | {"duplicate_of": None if first == row["id"] else first})
    transitions.insert_items(connection, rows, tally)
    size = sum(film.size for film in taken)
    tally.add(job.id, "bytes", size)
    tally.took(job.tenant, len(taken), size)
    return rows


def _firsts(connection: Connection, job_id: str, film_ids: Iterable[str]) -> dict[str, str]:
    """Find those films that earlier slices of a job's archive gave.

    Returns:
        The id of the first item for each film id that has one.
    """
    found: dict[str, str] = {}
    for some in chunks(film_ids):
        query = select(EntryRow.film_id, EntryRow.item_id).where(
            EntryRow.job_id == job_id, EntryRow.film_id.in_(some)
        )
        found.update((row.film_id, row.item_id) for row in connection.execute(query))
    return found


def _row(
    item: NewItem, film_id: str | None, prediction_id: str | None, job: Any, seq: int, at: float
) -> dict[str, Any]:
    code, reason = item.error or (None, None)
    status = ItemStatus.FAILED if item.error else ItemStatus.QUEUED
    if prediction_id is not None:
        status = ItemStatus.SUCCEEDED
    return {
        "id": new_id(),
        "job_id": job.id,
        "seq": seq,
        "tenant": job.tenant,
        "name": item.name,
        "external_id": item.external.id,
        "client_metadata": item.external.metadata,
        "film_id": film_id,
        "study_hash": item.film.study_hash if item.film else None,
        "patient_hash": item.film.patient_hash if item.film else None,
        "prediction_id": prediction_id,
        "status": status,
        "error_code": code,
        "error_reason": reason,
        "reused": prediction_id is not None,
        "created_at": at,
        "finished_at": None if status is ItemStatus.QUEUED else at,
    }


def _select() -> AnySelect:
    return (
        select(*_HEAD, *FILM_COLUMNS, *PREDICTION_COLUMNS, *_TAIL)
        .select_from(ItemRow)
        .outerjoin(FilmRow, FilmRow.id == ItemRow.film_id)
        .outerjoin(PredictionRow, PredictionRow.id == ItemRow.prediction_id)
    )


def _after(job_id: str, seq: int, limit: int, status: ItemStatus | None) -> AnySelect:
    # First the page, then what belongs to it: so the planner knows that a page is all, and looks
    # each prediction up; for the last page of a large job it would read a small table whole.
    page = select(ItemRow.id).where(ItemRow.job_id == job_id, ItemRow.seq > seq)
    if status is not None:
        page = page.where(ItemRow.status == status)
    page = page.order_by(ItemRow.seq).limit(limit)
    return _select().where(ItemRow.id.in_(page)).order_by(ItemRow.seq)


def _item(row: AnyRow) -> Item:
    values: tuple[Any, ...] = tuple(row)
    film = values[_FILM_AT:_PREDICTION_AT]
    prediction = values[_PREDICTION_AT:_TAIL_AT]
    fields: list[Any] = [
        *values[:_FILM_AT],
        None if film[0] is None else FilmRef(*film),
        None if prediction[0] is None else Prediction(*prediction),
        *values[_TAIL_AT:],
    ]
    return Item(*fields)


def require_job(connection: Connection, tenant: str, job_id: str) -> None:
    """Do nothing if a tenant has a job.

    Raises:
        JobNotFound: It has none with this id.
    """
    query = select(JobRow.id).where(
        JobRow.id == job_id, JobRow.tenant == tenant, JobRow.deleted_at.is_(None)
    )
    if connection.execute(query).first() is None:
        raise JobNotFound(f"There is no job {job_id!r}.")
