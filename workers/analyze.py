"""One permit, one batch: claim films, read them, write what was found."""

from __future__ import annotations

import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial

from lungline.errors import (
    BrokerUnavailable,
    DatabaseUnavailable,
    ObjectNotFound,
    PartUnavailable,
)
from lungline.queueing import Queue, batches
from lungline.telemetry import get_logger, log_context
from ml.analyzer import Reading
from ml.errors import FilmError
from storage.claims import Batch, ClaimedItem, Outcome
from workers.analyzers import BundleUnusable, Reader
from workers.lease import LeaseKeeper
from workers.outcomes import failed, film_failed, pictures, succeeded
from workers.parts import Parts

log = get_logger(__name__)

FINISH_WAITS = (0.2, 0.5, 1.0, 2.0, 4.0)
"""Seconds between tries to write a batch that is read while the database is away."""
LAST_WRITE_SECONDS = 1.0
"""How long a process that is made to end waits for the batch before to be written."""


@dataclass(slots=True)
class BatchRead:
    """A batch that is read and not yet written.

    Attributes:
        outcomes: One for each film.
        readings: Those that found something, by item.
        seconds: It took to fetch and read.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    readings: list[tuple[ClaimedItem, Reading]] = field(default_factory=list)
    seconds: float = 0.0


def read_batch(parts: Parts) -> int:
    """Spend a permit: take a batch and read it. Return the number of films taken.

    What was read is written in the background, while the next permit is being spent.
    """
    if failure := parts.writer.take_failure():
        _wait(parts, failure)
    try:
        batch = _claim(parts)
    except DatabaseUnavailable as error:
        _wait(parts, error)
        return 0
    if batch is None:
        return 0
    with log_context(lease_id=batch.lease_id):
        parts.helpers.submit(send_permit, parts, batch.queued_left).add_done_callback(_log_error)
        _work(parts, batch)
    return len(batch.items)


def send_permit(parts: Parts, queued: int) -> None:
    """Send one permit if films wait and too few permits do; a broker that is down is no matter."""
    wanted = batches(queued, parts.settings.batch_size)
    try:
        parts.permits.top_up(Queue.ANALYZE, wanted, at_most=1)
    except BrokerUnavailable as error:
        log.warning("permit not sent", code=error.code)


def _log_error(sent: Future[None]) -> None:
    if error := sent.exception():
        log.error("permit not sent", exc_info=error)


def _claim(parts: Parts) -> Batch | None:
    settings = parts.settings
    return parts.repository.claims.claim(
        parts.worker_id,
        limit=fair_share(parts.repository.jobs.queued_films(), parts),
        lease_seconds=settings.lease_seconds,
        hard_seconds=settings.batch_hard_limit_seconds,
    )


def fair_share(queued: int, parts: Parts) -> int:
    """How many films to take: at the end of the queue no more than this process's share.

    With `n` films left for `p` processes each takes `n / p`, so the batches shrink towards the end
    and all processes finish within about one film of each other (guided self-scheduling,
    Polychronopoulos and Kuck 1987).
    """
    share = batches(queued, parts.settings.worker_processes)
    return max(1, min(parts.settings.batch_size, share))


def _work(parts: Parts, batch: Batch) -> None:
    renew = partial(parts.repository.claims.renew, batch.lease_id, parts.settings.lease_seconds)
    lease = LeaseKeeper(renew, parts.settings.lease_renewal_seconds, parts.parent)
    lease.start()
    try:
        read = _read(parts, batch)
        parts.writer.submit(partial(_write, parts, batch, lease, read))
    except PartUnavailable as error:
        lease.stop()
        _hand_back(parts, batch)
        _wait(parts, error)
    except SystemExit:
        lease.stop()
        _leave(parts, batch)
        raise
    except Exception:
        lease.stop()
        parts.writer.wait()
        _give_up(parts, "batch failed", exc_info=True)


def _read(parts: Parts, batch: Batch) -> BatchRead:
    started = time.monotonic()
    try:
        reader = parts.analyzers.get(batch.bundle)
    except BundleUnusable as error:
        log.error("bundle unusable", bundle=batch.bundle, reason=error.message)
        return BatchRead([failed(item, error.code) for item in batch.items])
    fetched = list(parts.helpers.map(partial(_fetch, parts), batch.items))
    films = [(item, data) for item, data in fetched if data is not None]
    read = _read_films(reader, batch.bundle, films)
    read.outcomes += [failed(item, "missing_object") for item, data in fetched if data is None]
    read.seconds = time.monotonic() - started
    return read


def _fetch(parts: Parts, item: ClaimedItem) -> tuple[ClaimedItem, bytes | None]:
    try:
        return item, parts.store.get(item.film.object_key)
    except ObjectNotFound:
        return item, None


def _read_films(reader: Reader, bundle: str, films: list[tuple[ClaimedItem, bytes]]) -> BatchRead:
    read = BatchRead()
    results = reader.read([data for _, data in films])
    for (item, _), result in zip(films, results, strict=True):
        if isinstance(result, FilmError):
            read.outcomes.append(film_failed(item, result))
        else:
            read.outcomes.append(
                succeeded(item, result, bundle=bundle, runtime=reader.runtime_name)
            )
            read.readings.append((item, result))
    return read


def _write(
    parts: Parts, batch: Batch, lease: LeaseKeeper, read: BatchRead
) -> PartUnavailable | None:
    """Write what was read, in the writer's thread; return the part that failed, if one did."""
    try:
        written = _store(parts, batch, lease, read)
    except PartUnavailable as error:
        lease.stop()
        _hand_back(parts, batch)
        return error
    except Exception:
        lease.stop()
        _give_up(parts, "batch not written", exc_info=True)
        return None
    lease.stop()
    parts.backoff.reset()
    films, seconds = len(batch.items), round(read.seconds, 3)
    log.info("batch read", films=films, written=written, seconds=seconds)
    return None


def _store(parts: Parts, batch: Batch, lease: LeaseKeeper, read: BatchRead) -> int:
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


def _leave(parts: Parts, batch: Batch) -> None:
    """The parent makes this process end: on shutdown, or because the batch took too long."""
    try:
        parts.writer.wait(LAST_WRITE_SECONDS)
    except TimeoutError:
        log.warning("the batch before is not written; its lease will expire")
    if parts.stopping():
        _hand_back(parts, batch)
    else:
        _give_up(parts, "batch took too long")


def _hand_back(parts: Parts, batch: Batch) -> None:
    """Put the films back without counting an attempt: no film is at fault."""
    try:
        count = parts.repository.claims.hand_back(batch.lease_id)
    except DatabaseUnavailable as error:
        log.warning("batch not handed back; its lease will expire", code=error.code)
    else:
        log.info("batch handed back", films=count)


def _give_up(parts: Parts, event: str, *, exc_info: bool = False) -> None:
    """Treat the batch as if it had killed the process: its films are read alone from now on."""
    log.error(event, exc_info=exc_info)
    try:
        parts.repository.claims.hand_back_worker(parts.worker_id)
    except DatabaseUnavailable as error:
        log.warning("batch not handed back; its lease will expire", code=error.code)


def _wait(parts: Parts, error: PartUnavailable) -> None:
    log.warning("a part does not answer; waiting", code=error.code)
    parts.backoff.wait()
