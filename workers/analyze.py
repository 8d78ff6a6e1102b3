"""One permit, one batch: claim films, read them, write what was found."""

from __future__ import annotations

import time
from functools import partial

from lungline.errors import (
    BrokerUnavailable,
    DatabaseUnavailable,
    ObjectNotFound,
    PartUnavailable,
)
from lungline.queueing import Queue, batches
from lungline.telemetry import get_logger, log_context
from ml.errors import FilmError
from storage.claims import Batch, ClaimedItem, Outcome
from workers.analyzers import BundleUnusable, Reader
from workers.lease import LeaseKeeper
from workers.outcomes import failed, film_failed, pictures, succeeded
from workers.parts import Parts

log = get_logger(__name__)

FINISH_WAITS = (0.2, 0.5, 1.0, 2.0, 4.0)
"""Seconds between tries to write a batch that is read while the database is away."""


def read_batch(parts: Parts) -> int:
    """Spend a permit: take a batch and read it. Return the number of films written."""
    try:
        batch = _claim(parts)
    except DatabaseUnavailable as error:
        _wait(parts, error)
        return 0
    if batch is None:
        return 0
    with log_context(lease_id=batch.lease_id):
        send_permit(parts, batch.queued_left)
        return _work(parts, batch)


def send_permit(parts: Parts, queued: int) -> None:
    """Send one permit if films wait and too few permits do; a broker that is down is no matter."""
    wanted = batches(queued, parts.settings.batch_size)
    try:
        parts.permits.top_up(Queue.ANALYZE, wanted, at_most=1)
    except BrokerUnavailable as error:
        log.warning("permit not sent", code=error.code)


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


def _work(parts: Parts, batch: Batch) -> int:
    claims, settings = parts.repository.claims, parts.settings
    renew = partial(claims.renew, batch.lease_id, settings.lease_seconds)
    try:
        with LeaseKeeper(renew, settings.lease_renewal_seconds, parts.parent) as lease:
            started = time.monotonic()
            outcomes = _read(parts, batch)
            seconds = time.monotonic() - started
            written = 0 if lease.lost else _finish(parts, batch, outcomes)
    except PartUnavailable as error:
        _hand_back(parts, batch)
        _wait(parts, error)
        return 0
    except SystemExit:
        # The parent makes this process end: on shutdown, or because the batch took too long.
        if parts.stopping():
            _hand_back(parts, batch)
        else:
            _give_up(parts, "batch took too long")
        raise
    except Exception:
        _give_up(parts, "batch failed", exc_info=True)
        return 0
    parts.backoff.reset()
    log.info("batch read", films=len(batch.items), written=written, seconds=round(seconds, 3))
    return written


def _read(parts: Parts, batch: Batch) -> list[Outcome]:
    try:
        reader = parts.analyzers.get(batch.bundle)
    except BundleUnusable as error:
        log.error("bundle unusable", bundle=batch.bundle, reason=error.message)
        return [failed(item, error.code) for item in batch.items]
    fetched = list(parts.fetchers.map(partial(_fetch, parts), batch.items))
    missing = [film for film in fetched if isinstance(film, Outcome)]
    films = [pair for pair in fetched if not isinstance(pair, Outcome)]
    return missing + _read_films(parts, batch, reader, films)


def _fetch(parts: Parts, item: ClaimedItem) -> tuple[ClaimedItem, bytes] | Outcome:
    try:
        return item, parts.store.get(item.film.object_key)
    except ObjectNotFound:
        return failed(item, "missing_object")


def _read_films(
    parts: Parts, batch: Batch, reader: Reader, films: list[tuple[ClaimedItem, bytes]]
) -> list[Outcome]:
    outcomes, objects = [], {}
    readings = reader.read([data for _, data in films])
    for (item, _), reading in zip(films, readings, strict=True):
        if isinstance(reading, FilmError):
            outcomes.append(film_failed(item, reading))
            continue
        objects |= pictures(item, reading, bundle=batch.bundle)
        outcomes.append(succeeded(item, reading, bundle=batch.bundle, runtime=reader.runtime_name))
    parts.store.put_many(objects)
    return outcomes


def _finish(parts: Parts, batch: Batch, outcomes: list[Outcome]) -> int:
    """Write what was read; a database that comes back soon does not cost the work."""
    for seconds in FINISH_WAITS:
        try:
            return parts.repository.claims.finish(batch.lease_id, outcomes)
        except DatabaseUnavailable as error:
            log.warning("batch not written yet", code=error.code)
            time.sleep(seconds)
    return parts.repository.claims.finish(batch.lease_id, outcomes)


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
    except DatabaseUnavailable as unavailable:
        log.warning("batch not handed back; its lease will expire", code=unavailable.code)


def _wait(parts: Parts, error: PartUnavailable) -> None:
    log.warning("a part does not answer; waiting", code=error.code)
    parts.backoff.wait()
