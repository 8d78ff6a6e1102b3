"""The periodic repair: what was left behind is put back, what has no permit gets one."""

from __future__ import annotations

from collections.abc import Callable

from lungline.errors import DatabaseUnavailable, PartUnavailable
from lungline.queueing import Queue, batches
from lungline.telemetry import get_logger
from storage.deletions import PURGED_AT_ONCE
from storage.expansions import SPENT_AT_ONCE
from storage.exports import REMOVED_AT_ONCE as EXPORTS_AT_ONCE
from storage.uploads import REMOVED_AT_ONCE
from storage.webhooks import CHUNK_ROWS
from workers.parts import Parts
from workers.retention import retain
from workers.steps import note_failure, take

log = get_logger(__name__)

CHUNK = 2000
"""Most rows changed in one transaction, so that no repair holds locks for long."""
MOST_CHUNKS = 25
"""Chunks of one kind in one sweep: the next sweep goes on, and other repairs get their turn."""


def sweep(parts: Parts) -> dict[str, int]:
    """Repair once. Harmless when run twice, or by two at once.

    Returns:
        How many rows each repair changed, and permits sent, without the zeros.
    """
    changed: dict[str, int] = {}
    # Each by itself: a broker that is down keeps nothing from being repaired or deleted, a store
    # that is down no permit from being sent, and an error that nobody expected (`workers.steps`)
    # no other step from being taken.
    for work in (_take_back, _repair, _permits, retain, _deletions, _webhooks, _note):
        try:
            changed |= work(parts)
        except PartUnavailable as error:
            log.warning("sweep cut short", work=work.__name__.strip("_"), code=error.code)
            parts.failures.count(error)
        except Exception:
            note_failure(parts, work.__name__.strip("_"))
    counts = {name: count for name, count in changed.items() if count}
    if counts:
        log.info("swept", **counts)
    return counts


def _take_back(parts: Parts) -> dict[str, int]:
    """Take back what dead processes held.

    While the database was away those that live could neither renew nor give back: they have one
    lease's time to do so. Other repairs that fail put nothing off.
    """
    repairs, seconds = parts.repository.repairs, parts.settings.lease_seconds
    most = parts.settings.max_attempts
    try:
        if parts.outage.within(seconds):
            parts.repository.database.check()
            return {}
        return take(
            parts,
            {
                "leases_shortened": lambda: repairs.late_leases(seconds, CHUNK),
                "expired_leases": lambda: _in_chunks(lambda: repairs.expired_leases(CHUNK)),
                "expired_expansions": lambda: repairs.expired_expansions(most),
            },
        )
    except DatabaseUnavailable:
        parts.outage.note()
        raise


def _repair(parts: Parts) -> dict[str, int]:
    repairs, keep = parts.repository.repairs, parts.settings.keep_archives
    exports, uploads = parts.repository.exports, parts.repository.uploads
    return take(
        parts,
        {
            "retried": lambda: _in_chunks(lambda: repairs.retried(CHUNK)),
            "expired_jobs": lambda: _in_chunks(lambda: repairs.expired_jobs(CHUNK, keep=keep)),
            "cancelled": lambda: _in_chunks(lambda: repairs.cancelling(CHUNK)),
            "finished_jobs": lambda: _in_chunks(lambda: repairs.finishable(CHUNK)),
            "expired_exports": lambda: _in_chunks(lambda: exports.expire(CHUNK)),
            "expired_uploads": lambda: _in_chunks(lambda: uploads.expire(CHUNK)),
        },
    )


def _deletions(parts: Parts) -> dict[str, int]:
    """Remove what deleted jobs and uploads left behind."""
    deletions, uploads, store = parts.repository.deletions, parts.repository.uploads, parts.store
    exports, expansions = parts.repository.exports, parts.repository.expansions
    most = parts.settings.max_attempts
    waits = parts.outage.within(parts.settings.lease_seconds)  # as in `_take_back`
    return take(
        parts,
        {
            "spent_archives": lambda: _in_chunks(
                lambda: expansions.remove_spent(store), SPENT_AT_ONCE
            ),
            "deleted_items": lambda: _in_chunks(lambda: deletions.rows(store, CHUNK)),
            "purged_films": lambda: _in_chunks(lambda: deletions.films(store), PURGED_AT_ONCE),
            "forgotten_films": lambda: _in_chunks(lambda: deletions.forget(CHUNK)),
            "exports_taken_back": lambda: 0 if waits else exports.take_back(store, most),
            "removed_exports": lambda: _in_chunks(lambda: exports.remove(store), EXPORTS_AT_ONCE),
            "removed_uploads": lambda: _in_chunks(lambda: uploads.remove(store), REMOVED_AT_ONCE),
        },
    )


def _webhooks(parts: Parts) -> dict[str, int]:
    """Write down whom to tell of what, and let the courier tell it: receivers may be slow."""
    webhooks = parts.repository.webhooks
    counts = take(
        parts,
        {
            "webhooks_written": lambda: _in_chunks(webhooks.fan_out, CHUNK_ROWS),
            "webhooks_forgotten": lambda: _in_chunks(webhooks.forget, CHUNK_ROWS),
        },
    )
    if webhooks.due(1):
        parts.courier.start()
    return counts


def _note(parts: Parts) -> dict[str, int]:
    """Say that a sweep was made, for metrics: also of one that a part cut short."""
    parts.repository.sweeps.note()
    return {}


def _in_chunks(repair: Callable[[], int], chunk: int | None = None) -> int:
    total = 0
    for _ in range(MOST_CHUNKS):
        count = repair()
        total += count
        if count < (CHUNK if chunk is None else chunk):
            break
    return total


def _permits(parts: Parts) -> dict[str, int]:
    jobs, permits, exports = parts.repository.jobs, parts.permits, parts.repository.exports
    expansions = parts.repository.expansions

    def analyze() -> int:
        queued = batches(jobs.queued_films(), parts.settings.batch_size)
        return permits.top_up(Queue.ANALYZE, queued)

    def expand() -> int:
        return permits.top_up(Queue.EXPAND, expansions.waiting() + exports.waiting())

    return take(parts, {"analyze_permits": analyze, "expand_permits": expand})
