"""One permit, one batch: claim films, read them, have what was found written."""

from __future__ import annotations

from concurrent.futures import Future
from functools import partial

from lungline.errors import BrokerUnavailable, DatabaseUnavailable, PartUnavailable
from lungline.queueing import Queue, batches
from lungline.telemetry import get_logger, log_context
from storage.claims import Batch
from workers.analyzers import BundleAbsent, BundleUnusable
from workers.fetching import fetch_bundle
from workers.hopeless import end_if_it_fails
from workers.lease import Lease
from workers.parts import Parts
from workers.reading import read_films
from workers.stored_films import FilmUnreadable
from workers.writing import give_up, hand_back, write_batch

log = get_logger(__name__)

LAST_WRITE_SECONDS = 1.0
"""How long a process that is made to end waits for the batch before to be written."""


def read_batch(parts: Parts) -> int:
    """Spend a permit: take a batch and read it. Return the number of films taken.

    What was read is written in the background, while the next permit is being spent.
    """
    if failure := parts.writer.take_failure():
        parts.backoff.after(failure)
    try:
        parts.leases.settle()
        batch = _claim(parts)
    except PartUnavailable as error:
        parts.backoff.after(error)
        return 0
    if batch is None:
        return 0
    with log_context(lease_id=batch.lease_id):
        with end_if_it_fails():
            lease = _begin(parts, batch)
        _work(parts, batch, lease)
    return len(batch.items)


def send_permit(parts: Parts, queued: int) -> None:
    """Send one permit if films wait and too few permits do; a broker that is down is no matter."""
    wanted = batches(queued, parts.settings.batch_size)
    try:
        parts.permits.top_up(Queue.ANALYZE, wanted, at_most=1)
    except BrokerUnavailable as error:
        log.warning("permit not sent", code=error.code)


def fair_share(queued: int, parts: Parts) -> int:
    """How many films to take: at the end of the queue no more than this process's share.

    With `n` films left for `p` processes each takes `n / p`, so the batches shrink towards the end
    and all processes finish within about one film of each other (guided self-scheduling,
    Polychronopoulos and Kuck 1987).
    """
    share = batches(queued, parts.settings.worker_processes)
    return max(1, min(parts.settings.batch_size, share))


def _claim(parts: Parts) -> Batch | None:
    settings = parts.settings
    return parts.repository.claims.claim(
        parts.worker_id,
        limit=settings.batch_size,
        lease_seconds=settings.lease_seconds,
        hard_seconds=settings.batch_hard_limit_seconds,
        share=lambda queued: fair_share(queued, parts),
    )


def _begin(parts: Parts, batch: Batch) -> Lease:
    """Let others know that more films wait, and keep the lease.

    A film that is read alone is held alone: its process may die of it, and what else that process
    held would be taken for guilty too.
    """
    parts.helpers.submit(send_permit, parts, batch.queued_left).add_done_callback(_log_error)
    if batch.items[0].alone:
        parts.writer.wait()
    renew = partial(parts.repository.claims.renew, batch.lease_id, parts.settings.lease_seconds)
    return parts.leases.keep(renew)


def _work(parts: Parts, batch: Batch, lease: Lease) -> None:
    """Read a batch, and have it written."""
    try:
        read = read_films(parts, batch)
        parts.writer.submit(partial(write_batch, parts, batch, lease, read))
        if batch.items[0].alone:
            parts.writer.wait()
    except PartUnavailable as error:
        lease.stop()
        hand_back(parts, batch)
        parts.backoff.after(error)
    except BundleAbsent:
        lease.stop()
        hand_back(parts, batch)
        _fetch(parts, batch.bundle)
    except FilmUnreadable as error:
        # Read alone, only what stays so is given up; the wait gives the store time to mend.
        lease.stop()
        parts.writer.wait()
        give_up(parts, "film unreadable", reason=error.reason)
        parts.backoff.wait()
    except SystemExit:
        lease.stop()
        _leave(parts, batch)
        raise
    except Exception:
        lease.stop()
        parts.writer.wait()  # so that only this batch is given up
        give_up(parts, "batch failed", exc_info=True)


def _fetch(parts: Parts, bundle: str) -> None:
    """Fetch a bundle that this machine lacks; films wait for no one meanwhile."""
    try:
        fetch_bundle(parts, bundle)
    except BundleUnusable as error:
        parts.analyzers.refuse(bundle, error)
    except PartUnavailable as error:
        parts.backoff.after(error)
        return
    try:
        send_permit(parts, parts.repository.jobs.queued_films())
    except DatabaseUnavailable as error:
        parts.backoff.after(error)


def _leave(parts: Parts, batch: Batch) -> None:
    """The parent makes this process end: on shutdown, or because the batch took too long."""
    try:
        parts.writer.wait(LAST_WRITE_SECONDS)
    except TimeoutError:
        log.warning("the batch before is not written; its lease will expire")
    if parts.stopping():
        hand_back(parts, batch)
    else:
        give_up(parts, "batch took too long")


def _log_error(sent: Future[None]) -> None:
    if error := sent.exception():
        log.error("permit not sent", exc_info=error)
