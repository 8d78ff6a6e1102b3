"""Claims: a worker takes films under a lease, and writes their results while it holds it.

The lease id is the fencing token. What a worker writes after it lost its lease matches no row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Double,
    Integer,
    bindparam,
    select,
    update,
)

from lungline.domain import Priority, new_id
from storage import predictions, scheduling, transitions
from storage.clock import least, server_now
from storage.columns import AnyRow
from storage.database import Database
from storage.films import FILM_COLUMNS, FilmRef
from storage.models import ITEM_QUEUED, ITEM_RUNNING, FilmRow, ItemRow, JobRow, PredictionRow
from storage.predictions import NewPrediction
from storage.sets import among
from storage.tally import Tally
from storage.turns import Turns


@dataclass(frozen=True, slots=True)
class ClaimedItem:
    """A film to read.

    Attributes:
        id: The item's id.
        job_id: Its job.
        seq: Its place in the job.
        attempt: Attempts counted so far.
        alone: Whether its batch died before, so that it is read alone.
        film: Where its bytes are.
        tenant: Whose film.
    """

    id: str
    job_id: str
    seq: int
    attempt: int
    alone: bool
    film: FilmRef
    tenant: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Films that one worker holds.

    Attributes:
        lease_id: The fencing token.
        bundle: `name@version`, the same for all.
        items: At least one.
        queued_left: Films that waited when the claim was made, without these.
        priority: Of the job that was chosen first; the batch may be filled from others.
    """

    lease_id: str
    bundle: str
    items: tuple[ClaimedItem, ...]
    queued_left: int
    priority: Priority


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the reading of one film ended: with a prediction, or with an error (code, reason)."""

    item_id: str
    prediction: NewPrediction | None
    error: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        """Check that there is exactly one of prediction and error."""
        if (self.prediction is None) == (self.error is None):
            raise ValueError("An outcome needs either a prediction or an error")


@dataclass(frozen=True, slots=True)
class _Picked:
    """Queued films of one job, locked."""

    job: Any
    start: list[AnyRow]
    reuse: list[str]


class Claims:
    """Gives films to workers and takes their results."""

    def __init__(self, database: Database, max_attempts: int) -> None:
        """Keep the database."""
        self._database = database
        self._max_attempts = max_attempts
        self._turns = Turns()

    def claim(
        self,
        worker_id: str,
        *,
        limit: int,
        lease_seconds: float,
        hard_seconds: float,
        share: Callable[[int], int] | None = None,
    ) -> Batch | None:
        """Take up to `limit` queued films of one bundle, in one short transaction.

        Films that the bundle has read meanwhile succeed in passing.

        Args:
            worker_id: Who takes them.
            limit: Most films to take.
            lease_seconds: How long the claim holds without renewal.
            hard_seconds: How long it holds with renewals.
            share: Of so many films that wait how many to take, where that is less than `limit`.

        Returns:
            The films; None when there is nothing to read.
        """
        priorities = self._turns.order()
        lease_id = new_id()
        offset = self._database.clock_offset
        lease = {
            "worker": worker_id,
            "lease": lease_id,
            "started_in": offset,
            "expires_in": offset + min(lease_seconds, hard_seconds),
            "ends_in": offset + hard_seconds,
        }
        while True:
            # A claim that a power cut undoes is made again; its worker's results find no lease.
            batch, again = self._database.run(
                lambda c: self._claim(c, priorities, limit, share, lease), durable=False
            )
            if batch is not None:
                self._turns.count(batch.priority)
            if batch is not None or not again:
                return batch

    def renew(self, lease_id: str, lease_seconds: float) -> bool:
        """Extend a lease, but never past its hard end.

        Returns:
            False when it is lost: taken back, finished, or past its hard end.
        """
        now = self._database.now()
        expires = least(now + lease_seconds, ItemRow.lease_ends_at)

        def work(connection: Connection) -> bool:
            ids = _lock_lease(connection, lease_id, ItemRow.lease_ends_at > now)
            change = update(ItemRow).where(ItemRow.id.in_(ids), ITEM_RUNNING)
            return bool(
                ids and connection.execute(change.values(lease_expires_at=expires)).rowcount
            )

        return self._database.run(work, durable=False)

    def finish(self, lease_id: str, outcomes: Sequence[Outcome]) -> int:
        """Write results, where the lease still holds the item.

        Args:
            lease_id: The batch's lease.
            outcomes: All of a batch, or some.

        Returns:
            How many were written; the rest belonged to somebody else by then.
        """
        by_item = {outcome.item_id: outcome for outcome in outcomes}
        return self._database.run(lambda c: self._finish(c, lease_id, by_item))

    def hand_back(self, lease_id: str) -> int:
        """Put the films of a lease back: a part failed, or the worker stops. Counts no attempt."""

        def work(connection: Connection) -> int:
            at = self._database.time(connection)
            tally = Tally()
            ids = _lock_lease(connection, lease_id)
            moved = transitions.requeue_items(connection, ids, tally)
            transitions.settle(connection, at, tally)
            return moved

        return self._database.run(work)

    def hand_back_worker(
        self, worker_id: str, *, died: bool = True, reason: str | None = None
    ) -> int:
        """Put back what the processes of a worker held.

        Args:
            worker_id: As given to `claim`.
            died: Whether the process died by itself, maybe of a film: then its films are read
                alone from now on, and a death alone counts as an attempt. False: the process was
                stopped on purpose.
            reason: Why it could not go on, in place of the usual words.

        Returns:
            The number of films put back.
        """

        def work(connection: Connection) -> int:
            at = self._database.time(connection)
            tally = Tally()
            ids = transitions.lock_items(connection, ItemRow.worker_id == worker_id, ITEM_RUNNING)
            if died:
                moved = transitions.bury_items(
                    connection, at, ids, self._max_attempts, tally, reason
                )
            else:
                moved = transitions.requeue_items(connection, ids, tally)
            transitions.settle(connection, at, tally)
            return moved

        return self._database.run(work)

    def _claim(
        self,
        connection: Connection,
        priorities: Sequence[Priority],
        limit: int,
        share: Callable[[int], int] | None,
        lease: dict[str, Any],
    ) -> tuple[Batch | None, bool]:
        """Claim once; the flag says that something moved and that trying again may find more."""
        offset = self._database.clock_offset
        size = limit + 32  # more than `limit`, for locks may leave some of them empty
        jobs = scheduling.candidates(connection, priorities, size, clock_offset=offset)
        if not jobs:
            return None, False
        queued, at = int(jobs[0].waiting), float(jobs[0].at)
        most = min(limit, share(queued)) if share else limit
        found = _pick(connection, jobs, most)
        before = 0
        while not found and len(jobs) == size:
            before += size
            jobs = scheduling.candidates(connection, priorities, size, before, offset)
            found = _pick(connection, jobs, most)
        picked = [
            pick
            for pick in sorted(found, key=lambda pick: str(pick.job.id))
            if transitions.take_films(connection, at, pick.job.id, len(pick.start), len(pick.reuse))
        ]
        if not picked:
            return None, False
        bundle = str(picked[0].job.bundle)
        rows = [row for pick in picked for row in pick.start]
        reused = [item_id for pick in picked for item_id in pick.reuse]
        if reused:
            self._database.await_disk(connection)  # a result, and maybe the end of a job
            transitions.reuse_predictions(connection, at, reused, bundle)
            for pick in picked:
                transitions.end_if_drained(connection, at, pick.job.id)
        if not rows:
            return None, True
        transitions.start_items(connection, [row.item_id for row in rows], lease)
        scheduling.charge_tenants(connection, Counter(row.tenant for row in rows))
        items = tuple(_claimed(row) for row in rows)
        first = Priority(found[0].job.priority)
        left = max(0, queued - len(rows) - len(reused))
        return Batch(lease["lease"], bundle, items, left, first), False

    def _finish(self, connection: Connection, lease_id: str, by_item: dict[str, Outcome]) -> int:
        held = _held(connection, lease_id, by_item, self._database.clock_offset)
        if not held:
            return 0
        bundle, at = held[0].bundle, float(held[0].at)  # one batch, one bundle
        made: dict[str, NewPrediction] = {}
        failures: dict[str, transitions.Failure] = {}
        for row in held:
            outcome = by_item[row.id]
            if outcome.error is not None:
                failures[row.id] = outcome.error
            elif outcome.prediction is not None:
                made.setdefault(row.film_id, outcome.prediction)
        predictions.keep_first(connection, at, bundle, made)
        tally = Tally()
        read = [row.id for row in held if row.id not in failures]
        written = transitions.succeed_items(connection, at, read, bundle, tally)
        written += transitions.fail_items(connection, at, failures, tally)
        transitions.settle(connection, at, tally)
        return written


def _pick(connection: Connection, jobs: Sequence[AnyRow], limit: int) -> list[_Picked]:
    """Lock films of the first job that has any, and fill up from further jobs of its bundle."""
    picked: list[_Picked] = []
    missing = limit
    for job in jobs:
        if picked and job.bundle != picked[0].job.bundle:
            continue
        rows = _lock_films(connection, job, missing, fill=bool(picked))
        if not rows:
            continue
        read = [row for row in rows if not row.known]
        picked.append(_Picked(job, read, [row.item_id for row in rows if row.known]))
        missing -= len(rows)
        if missing <= 0 or rows[0].alone:
            break
    return picked


def _lock_films(connection: Connection, job: Any, limit: int, fill: bool) -> Sequence[AnyRow]:
    query = _FILMS_TO_FILL if fill else _FILMS
    asked = {"job": job.id, "of_bundle": job.bundle, "most": limit}
    rows = connection.execute(query, asked).all()
    if rows and rows[0].alone:
        return rows[:1]
    return [row for row in rows if not row.alone]


def _claimed(row: AnyRow) -> ClaimedItem:
    film = FilmRef(*row[-len(FILM_COLUMNS) :])
    return ClaimedItem(row.item_id, row.job_id, row.seq, row.attempt, row.alone, film, row.tenant)


def _lock_lease(
    connection: Connection, lease_id: str, *conditions: ColumnElement[bool]
) -> list[str]:
    return transitions.lock_items(
        connection, ItemRow.lease_id == lease_id, ITEM_RUNNING, *conditions
    )


def _held(
    connection: Connection, lease_id: str, by_item: dict[str, Outcome], clock_offset: float
) -> Sequence[AnyRow]:
    asked = {"lease": lease_id, "ids": list(by_item), "clock_offset": clock_offset}
    return connection.execute(_HELD, asked).all()


# Built once: these run with each batch, and to build one takes longer than to run it.
# Not EXISTS: that may be answered from a set of all films the bundle has ever read.
_KNOWN = (
    select(PredictionRow.id)
    .where(
        PredictionRow.film_id == ItemRow.film_id,
        PredictionRow.bundle == bindparam("of_bundle"),
        predictions.ANSWERS,
    )
    .correlate(ItemRow, FilmRow)
    .scalar_subquery()
    .is_not(None)
)
_FILMS = (
    select(
        ItemRow.id.label("item_id"),
        ItemRow.job_id,
        ItemRow.seq,
        ItemRow.attempt,
        ItemRow.alone,
        ItemRow.tenant,
        _KNOWN.label("known"),
        *FILM_COLUMNS,
    )
    .join(FilmRow, FilmRow.id == ItemRow.film_id)
    .where(ItemRow.job_id == bindparam("job"), ITEM_QUEUED)
    .order_by(ItemRow.seq)
    .limit(bindparam("most", type_=Integer()))
    .with_for_update(of=ItemRow, skip_locked=True)
)
_FILMS_TO_FILL = _FILMS.where(~ItemRow.alone)
_HELD = (
    select(
        ItemRow.id,
        ItemRow.film_id,
        JobRow.bundle,
        (server_now() + bindparam("clock_offset", type_=Double())).label("at"),
    )
    .join(JobRow, JobRow.id == ItemRow.job_id)
    .where(
        ItemRow.lease_id == bindparam("lease"),
        ITEM_RUNNING,
        among(ItemRow.id, "ids"),
    )
    .order_by(ItemRow.id)
    .with_for_update(of=ItemRow)
)
