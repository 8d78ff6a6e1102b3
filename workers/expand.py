"""One permit, one piece of an archive: films out of it, into the store and the queue."""

from __future__ import annotations

import time
from collections.abc import Collection
from functools import partial

from lungline.errors import (
    BrokerUnavailable,
    DatabaseUnavailable,
    ObjectNotFound,
    PartUnavailable,
    SourceUnavailable,
    StorageQuotaReached,
    StoreUnavailable,
)
from lungline.queueing import Queue, batches
from lungline.telemetry import get_logger, log_context
from storage.expansions import Expansion
from storage.intake import FilmIntake
from workers.archive import ArchiveError, RangeReader
from workers.lease import Lease, LeaseLost
from workers.manifests import ManifestGone, settle, take_over
from workers.parts import Parts
from workers.progress import Progress
from workers.rereading import FilmsGone, reread, without
from workers.slices import Slice, open_archive, slices

log = get_logger(__name__)

TURN_SECONDS = 30.0
"""An archive is handed back after this long, so that a small one need not wait for a large one."""
_QUICK_SECONDS = 1.0
_ASIDE_SWEEPS = 5
"""How long others go before an archive or folder that cannot be read, in intervals of the sweep."""
_LONGEST_TURN_SECONDS = 3600.0
"""A packed tar is unpacked anew up to where it was left; its turns grow with what that takes."""


def expand_archive(parts: Parts) -> bool:
    """Spend a permit: expand a piece of one archive. Return whether there was any."""
    try:
        parts.leases.settle()
        expansion = parts.repository.expansions.claim(parts.worker_id, parts.settings.lease_seconds)
    except PartUnavailable as error:
        parts.backoff.after(error)
        return False
    if expansion is None:
        return False
    with log_context(job_id=expansion.job_id, lease_id=expansion.lease_id):
        _work(parts, expansion)
    return True


def _work(parts: Parts, expansion: Expansion) -> None:
    """Work under a renewed lease.

    An unexpected error passes through: the lease expires, which counts an attempt, as when the
    process had died.
    """
    expansions, settings = parts.repository.expansions, parts.settings
    renew = partial(expansions.renew, expansion.lease_id, settings.lease_seconds)
    progress = Progress(renew, settings.batch_hard_limit_seconds)
    try:
        with parts.leases.keep(progress.renew) as lease:
            _expand(parts, expansion, lease, progress)
    except LeaseLost:
        log.info("expansion dropped: cancelled, or another worker has it")
    except ArchiveError as error:
        _finish(parts, expansion, (error.code, error.message), keep=isinstance(error, ManifestGone))
    except ObjectNotFound:
        # Its row stays: who finds the archive again can put it back.
        gone = ("archive_unreadable", "The uploaded archive is gone.")
        _finish(parts, expansion, gone, keep=True)
    except SourceUnavailable as error:
        _hand_back(parts, expansion, _ASIDE_SWEEPS * parts.settings.sweep_interval_seconds)
        parts.backoff.without(error)
    except PartUnavailable as error:
        _hand_back(parts, expansion)
        parts.backoff.after(error)
    except SystemExit:
        # The parent makes this process end on shutdown; otherwise an attempt is counted when the
        # lease expires.
        if parts.stopping():
            _hand_back(parts, expansion)
        raise


def _expand(parts: Parts, expansion: Expansion, lease: Lease, progress: Progress) -> None:
    def read(key: str, start: int, length: int) -> bytes:
        if lease.lost:
            raise LeaseLost
        try:
            data = parts.store.get_range(key, start, length)
        except StoreUnavailable as error:
            progress.made()
            parts.store.check()
            raise SourceUnavailable(error.message) from error
        progress.made()
        return data

    parts.space.check()
    turn_ends = time.monotonic() + TURN_SECONDS
    for committed in take_over(parts, expansion, read):
        _check(committed)
        progress.made()
        if parts.stopping() or time.monotonic() > turn_ends:
            _hand_back(parts, expansion)
            return
    error = None
    try:
        ended = _take_films(parts, expansion, partial(read, expansion.archive_key or ""), progress)
    except (ArchiveError, StorageQuotaReached) as fault:
        ended, error = True, (fault.code, fault.message)
    if not ended:
        _hand_back(parts, expansion)
        return
    for committed in settle(parts, expansion):
        _check(committed)
        progress.made()
    _finish(parts, expansion, error)


def _take_films(
    parts: Parts, expansion: Expansion, read_range: RangeReader, progress: Progress
) -> bool:
    """Take films out of the archive; False when some are left for another turn."""
    space = parts.space
    begun = time.monotonic()
    if expansion.from_job is None:
        pieces = slices(parts, expansion, open_archive(parts, expansion, read_range))
    else:
        pieces = reread(parts, expansion)
    turn_ends = _turn_ends(begun)
    for piece in pieces:
        _commit(parts, expansion, piece)
        progress.made()
        if not piece.last:
            full = parts.repository.quotas.films_full(expansion.tenant)
            if full or parts.stopping() or time.monotonic() > turn_ends:
                return False
            space.check()
    return True


def _check(committed: bool) -> None:
    if not committed:
        raise LeaseLost


def _turn_ends(begun: float) -> float:
    """When an archive that is open now, and was not at `begun`, is handed back."""
    now = time.monotonic()
    turn = TURN_SECONDS + 4 * max(0.0, now - begun - _QUICK_SECONDS)
    return now + min(turn, _LONGEST_TURN_SECONDS)


def _commit(parts: Parts, expansion: Expansion, piece: Slice) -> None:
    try:
        committed = parts.repository.expansions.commit_slice(
            expansion.lease_id,
            expansion.job_id,
            entries=piece.entries,
            cursor=piece.cursor,
            entries_total=piece.total,
            offset=piece.offset,
            after=piece.after,
            restore=partial(_store_again, parts, piece),
        )
    except FilmsGone as gone:
        _commit(parts, expansion, without(piece, gone.digests))
        return
    except StorageQuotaReached:
        digests = {each.film.sha256 for each in piece.films}
        parts.repository.deletions.abandoned(parts.store, expansion.tenant, digests)
        raise
    _check(committed)
    parts.backoff.reset()
    log.info("slice committed", items=piece.items, entries_seen=piece.cursor)
    _send_permits(parts)


def _store_again(parts: Parts, piece: Slice, digests: Collection[str]) -> None:
    """Store films of a slice that a deletion took away after they were stored.

    Raises:
        FilmsGone: They are films of another job, whose bytes nobody has.
    """
    if not piece.films:
        raise FilmsGone(digests)
    FilmIntake(parts.store, parts.settings).store_all(
        film for film in piece.films if film.film.sha256 in digests
    )


def _send_permits(parts: Parts) -> None:
    queued = parts.repository.jobs.queued_films()
    try:
        parts.permits.top_up(Queue.ANALYZE, batches(queued, parts.settings.batch_size))
    except BrokerUnavailable as error:
        log.warning("permits not sent; the sweep sends them", code=error.code)


def _finish(
    parts: Parts, expansion: Expansion, error: tuple[str, str] | None, *, keep: bool = False
) -> None:
    expansions, keep = parts.repository.expansions, keep or parts.settings.keep_archives
    finished = expansions.finish(expansion.lease_id, expansion.job_id, error, keep=keep)
    log.info("archive expanded", finished=finished, error=error[0] if error else None)
    try:
        expansions.remove_spent(parts.store)
    except PartUnavailable as unavailable:
        log.warning("archive not deleted; the sweep deletes it", code=unavailable.code)


def _hand_back(parts: Parts, expansion: Expansion, aside_seconds: float = 0.0) -> None:
    """Let another permit go on at the cursor; no attempt is counted."""
    hand_back = parts.repository.expansions.hand_back
    give_back = partial(hand_back, expansion.lease_id, aside_seconds)
    try:
        give_back()
        if not aside_seconds:  # the sweep sends one when it is claimable again
            parts.permits.top_up(Queue.EXPAND, 1)
    except DatabaseUnavailable as error:
        log.warning("archive not handed back yet", code=error.code)
        parts.leases.owe(give_back)
    except BrokerUnavailable as error:
        log.warning("no permit sent for the archive; the sweep sends one", code=error.code)
