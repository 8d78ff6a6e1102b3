"""Status changes of items, each guarded by the status it starts from."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Double,
    ScalarSelect,
    String,
    TextClause,
    and_,
    bindparam,
    case,
    delete,
    func,
    insert,
    literal,
    select,
    update,
)

from lungline.domain import ItemStatus
from lungline.errors import FILM_CODES
from storage import terms
from storage.clock import server_now
from storage.models import (
    ITEM_FAILED,
    ITEM_QUEUED,
    ITEM_RUNNING,
    FailureRow,
    FilmRow,
    ItemRow,
    PredictionRow,
)
from storage.sets import among
from storage.tally import Tally

Failure = tuple[str, str]  # code, reason

_NO_LEASE: Mapping[str, None] = {
    "worker_id": None,
    "lease_id": None,
    "lease_expires_at": None,
    "lease_ends_at": None,
}


def lock_items(
    connection: Connection,
    *conditions: ColumnElement[bool] | TextClause,
    limit: int | None = None,
    skip_locked: bool = False,
) -> list[str]:
    """Lock items in the order of their ids (SQLite's write lock covers all), and list the ids."""
    query = (
        select(ItemRow.id)
        .where(*conditions)
        .order_by(ItemRow.id)
        .limit(limit)
        .with_for_update(skip_locked=skip_locked)
    )
    return list(connection.execute(query).scalars())


def insert_items(connection: Connection, rows: Sequence[Mapping[str, Any]], tally: Tally) -> None:
    """Insert new items, each born queued, succeeded (read before) or failed."""
    if rows:
        connection.execute(insert(ItemRow), list(rows))
        terms.keep(connection, terms.Kind.ITEM, rows)
    for status in ItemStatus:
        tally.moved([row["job_id"] for row in rows if row["status"] is status], None, status)
    for row in rows:
        if row["reused"]:
            tally.add(row["job_id"], "reused", 1)


def start_items(connection: Connection, ids: Collection[str], lease: Mapping[str, Any]) -> int:
    """Move queued items to running under a lease; the job's counters are `take_films`' part.

    Args:
        connection: A write transaction that holds the items.
        ids: The items.
        lease: `worker`, `lease`, and seconds from now by the server's clock: `started_in`,
            `expires_in`, `ends_in`.
    """
    return connection.execute(_START, {"ids": list(ids), **lease}).rowcount


def reuse_predictions(connection: Connection, at: float, ids: Collection[str], bundle: str) -> int:
    """Let queued items succeed by their film's earlier prediction (counters: `take_films`)."""
    change = update(ItemRow).where(ItemRow.id.in_(ids), ITEM_QUEUED)
    return connection.execute(
        change.values(
            status=ItemStatus.SUCCEEDED,
            prediction_id=_prediction_of_item(bundle),
            reused=True,
            finished_at=at,
        )
    ).rowcount


def succeed_items(
    connection: Connection, at: float, ids: Collection[str], bundle: str, tally: Tally
) -> int:
    """Move running items to succeeded, by their film's prediction of this bundle."""
    moved: list[str] = []
    if ids:
        named = {"ids": list(ids), "at": at, "of_bundle": bundle}
        moved = list(connection.execute(_SUCCEED, named).scalars())
    return tally.moved(moved, ItemStatus.RUNNING, ItemStatus.SUCCEEDED)


def fail_items(
    connection: Connection, at: float, failures: Mapping[str, Failure], tally: Tally
) -> int:
    """Move running items to failed, each with its code and reason."""
    moved: list[str] = []
    for item_id, (code, reason) in failures.items():
        values = _failed(at, code, reason) | {"attempt": ItemRow.attempt + 1}
        moved += _change_items(connection, [item_id], ITEM_RUNNING, values)
    return tally.moved(moved, ItemStatus.RUNNING, ItemStatus.FAILED)


def requeue_items(connection: Connection, ids: Collection[str], tally: Tally) -> int:
    """Move running items back to queued: the fault was not theirs, no attempt is counted."""
    values = {"status": ItemStatus.QUEUED, **_NO_LEASE}
    moved = _change_items(connection, ids, ITEM_RUNNING, values)
    return tally.moved(moved, ItemStatus.RUNNING, ItemStatus.QUEUED)


def bury_items(
    connection: Connection,
    at: float,
    ids: Collection[str],
    max_attempts: int,
    tally: Tally,
    reason: str | None = None,
) -> int:
    """Take back running items whose process died: nobody knows which of a batch was the cause.

    So each is read alone from now on, and only a death alone counts as its attempt; the last
    attempt fails the item, for the reason that is given or else for that of the code.

    Returns:
        The number of items taken back.
    """
    since_retry = ItemRow.attempt + 1 - func.coalesce(ItemRow.attempts_before, 0)
    used_up = ItemRow.alone & (since_retry >= max_attempts)
    code = "attempts_exhausted"
    values = _failed(at, code, reason or FILM_CODES[code]) | {"attempt": ItemRow.attempt + 1}
    failed = _change_items(connection, ids, and_(ITEM_RUNNING, used_up), values)
    count = tally.moved(failed, ItemStatus.RUNNING, ItemStatus.FAILED)
    again = {
        "status": ItemStatus.QUEUED,
        "attempt": ItemRow.attempt + case((ItemRow.alone, 1), else_=0),
        "alone": True,
        **_NO_LEASE,
    }
    queued = _change_items(connection, ids, ITEM_RUNNING, again)
    return count + tally.moved(queued, ItemStatus.RUNNING, ItemStatus.QUEUED)


def retry_items(connection: Connection, at: float, ids: Collection[str], tally: Tally) -> int:
    """Move failed items whose film is stored back to queued, and remember how they failed.

    Attempt numbers go on, but those before are not counted against the item again.
    """
    guard = and_(ITEM_FAILED, ItemRow.film_id.is_not(None))
    if ids:
        _hold_films(connection, ids)
        columns = [ItemRow.id, ItemRow.attempt, ItemRow.error_code, ItemRow.error_reason]
        failed = select(*columns, ItemRow.finished_at, literal(at)).where(
            ItemRow.id.in_(ids), guard
        )
        names = ["item_id", "attempt", "error_code", "error_reason", "finished_at", "retried_at"]
        connection.execute(insert(FailureRow).from_select(names, failed))
    values = {
        "status": ItemStatus.QUEUED,
        "error_code": None,
        "error_reason": None,
        "finished_at": None,
        "attempts_before": ItemRow.attempt,
    }
    moved = _change_items(connection, ids, guard, values)
    for job_id in moved:
        tally.add(job_id, "done_before", -1)
    return tally.moved(moved, ItemStatus.FAILED, ItemStatus.QUEUED)


def _hold_films(connection: Connection, ids: Collection[str]) -> None:
    """Until this commits, retention drops no film of these items (see `storage.retention`)."""
    theirs = select(ItemRow.film_id).where(ItemRow.id.in_(ids))
    films = select(FilmRow.id).where(FilmRow.id.in_(theirs)).order_by(FilmRow.id)
    connection.execute(films.with_for_update(read=True, key_share=True))


def delete_items(connection: Connection, ids: Collection[str], tally: Tally) -> set[str]:
    """Remove ended items, which the caller holds, with all that is known of them.

    Returns:
        The ids of their films.
    """
    connection.execute(delete(FailureRow).where(FailureRow.item_id.in_(ids)))
    terms.forget(connection, ids)
    removed = connection.execute(
        delete(ItemRow)
        .where(ItemRow.id.in_(ids))
        .returning(ItemRow.job_id, ItemRow.status, ItemRow.reused, ItemRow.film_id)
    ).all()
    for row in removed:
        for counter in ("total", row.status.value):
            tally.add(row.job_id, counter, -1)
        tally.add(row.job_id, "reused", -int(row.reused))
    return {row.film_id for row in removed if row.film_id is not None}


def cancel_items(connection: Connection, at: float, ids: Collection[str], tally: Tally) -> int:
    """Move queued items to cancelled."""
    values = {"status": ItemStatus.CANCELLED, "finished_at": at}
    moved = _change_items(connection, ids, ITEM_QUEUED, values)
    return tally.moved(moved, ItemStatus.QUEUED, ItemStatus.CANCELLED)


def _change_items(
    connection: Connection,
    ids: Collection[str],
    guard: ColumnElement[bool] | TextClause,
    values: Mapping[str, Any],
) -> list[str]:
    """Change those items that pass the guard; list the job of each."""
    if not ids:
        return []
    change = update(ItemRow).where(ItemRow.id.in_(ids), guard).values(**values)
    return list(connection.execute(change.returning(ItemRow.job_id)).scalars())


def _failed(at: float, code: str, reason: str) -> dict[str, Any]:
    return {
        "status": ItemStatus.FAILED,
        "error_code": code,
        "error_reason": reason,
        "finished_at": at,
        **_NO_LEASE,
    }


def _prediction_of_item(bundle: str | BindParameter[str]) -> ScalarSelect[str]:
    return (
        select(PredictionRow.id)
        .where(PredictionRow.film_id == ItemRow.film_id, PredictionRow.bundle == bundle)
        .scalar_subquery()
    )


def _in(seconds: str) -> ColumnElement[float]:
    return server_now() + bindparam(seconds, type_=Double())


# Built once: these run with each batch, and to build one takes longer than to run it.
_THESE = among(ItemRow.id, "ids")
_START = (
    update(ItemRow)
    .where(_THESE, ITEM_QUEUED)
    .values(
        status=ItemStatus.RUNNING,
        worker_id=bindparam("worker"),
        lease_id=bindparam("lease"),
        lease_expires_at=_in("expires_in"),
        lease_ends_at=_in("ends_in"),
        started_at=_in("started_in"),
    )
)
_SUCCEED = (
    update(ItemRow)
    .where(_THESE, ITEM_RUNNING)
    .values(
        status=ItemStatus.SUCCEEDED,
        prediction_id=_prediction_of_item(bindparam("of_bundle", type_=String())),
        attempt=ItemRow.attempt + 1,
        finished_at=bindparam("at", type_=Double()),
        **_NO_LEASE,
    )
    .returning(ItemRow.job_id)
)
