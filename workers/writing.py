"""What happens to a batch once it is claimed: written, handed back, or given up."""

from __future__ import annotations

import time

from lungline.errors import DatabaseUnavailable, PartUnavailable
from lungline.telemetry import get_logger
from storage.claims import Batch, Outcome
from workers.hopeless import end_if_it_fails
from workers.lease import Lease
from workers.outcomes import pictures
from workers.parts import Parts
from workers.reading import BatchRead

log = get_logger(__name__)

FINISH_WAITS = (0.2, 0.5, 1.0, 2.0, 4.0)
"""Seconds between tries to write a batch that is read while the database is away."""


def write_batch(
    parts: Parts, batch: Batch, lease: Lease, read: BatchRead
) -> PartUnavailable | None:
    """Write what was read, and stop keeping the lease.

    Returns:
        The part that failed, if one did; then the batch is handed back.
    """
    try:
        written = _store(parts, batch, lease, read)
    except PartUnavailable as error:
        lease.stop()
        hand_back(parts, batch)
        return error
    except Exception:
        lease.stop()
        give_up(parts, "batch not written", exc_info=True)
        return None
    lease.stop()
    parts.backoff.reset()
    films, seconds = len(batch.items), round(read.seconds, 3)
    job_ids = sorted({item.job_id for item in batch.items})
    log.info("batch read", films=films, written=written, seconds=seconds, job_ids=job_ids)
    return None


def hand_back(parts: Parts, batch: Batch) -> None:
    """Put the films back without counting an attempt: no film is at fault."""

    def give_back() -> None:
        count = parts.repository.claims.hand_back(batch.lease_id)
        log.info("batch handed back", films=count)

    with end_if_it_fails():
        try:
            give_back()
        except DatabaseUnavailable as error:
            log.warning("batch not handed back yet", code=error.code)
            parts.leases.owe(give_back)


def give_up(parts: Parts, event: str, *, reason: str | None = None, exc_info: bool = False) -> None:
    """Treat what this worker holds as if it had killed the process.

    Its films are read alone from now on, and a failure alone counts as an attempt.

    Args:
        parts: Of this process.
        event: What happened, for the log.
        reason: Why, for the log and for a film whose last attempt it was.
        exc_info: Whether the log gets the error that is being handled.
    """
    with end_if_it_fails():
        log.error(event, reason=reason, exc_info=exc_info)
        try:
            parts.repository.claims.hand_back_worker(parts.worker_id, reason=reason)
        except DatabaseUnavailable as error:
            log.warning("batch not handed back; its lease will expire", code=error.code)


def _store(parts: Parts, batch: Batch, lease: Lease, read: BatchRead) -> int:
    objects: dict[str, bytes] = {}
    for item, reading in read.readings:
        objects |= pictures(item, reading, bundle=batch.bundle)
    parts.store.put_many(objects)
    return 0 if lease.lost else _finish(parts, batch, read.outcomes)


def _finish(parts: Parts, batch: Batch, outcomes: list[Outcome]) -> int:
    """Write the outcomes; a database that comes back soon does not cost the work."""
    for seconds in FINISH_WAITS:
        try:
            return parts.repository.claims.finish(batch.lease_id, outcomes)
        except DatabaseUnavailable as error:
            log.warning("batch not written yet", code=error.code)
            time.sleep(seconds)
    return parts.repository.claims.finish(batch.lease_id, outcomes)
