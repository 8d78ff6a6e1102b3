"""One permit, one export: the results of a job, written into one object while they are read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress

from lungline.domain import ExportFormat
from lungline.errors import (
    DatabaseUnavailable,
    InvalidParameter,
    JobNotFound,
    ObjectNotFound,
    PartUnavailable,
    StoreUnavailable,
    TooLarge,
)
from lungline.telemetry import get_logger, log_context
from lungline.zipping import zip_stored
from storage.bundles import Bundles
from storage.exports import Export
from storage.items import Item
from storage.objects import StoredStream
from storage.results.accounted import accounted
from storage.results.picture_files import PICTURE_OF, PICTURE_SIDE, picture_files
from storage.results.pictures import Pictures
from storage.results.tables import labels_of, table_pieces
from storage.space import LOOK_BYTES, Space
from workers.lease import Lease, LeaseLost
from workers.parts import Parts
from workers.progress import Progress

log = get_logger(__name__)


class _Counted:
    """Items on their way into an export, and how many have passed."""

    def __init__(self, items: Iterable[Item]) -> None:
        self._items = items
        self.count = 0

    def __iter__(self) -> Iterator[Item]:
        for item in self._items:
            yield item
            self.count += 1


class _Stream:
    """Pieces as a stream, which ends with `LeaseLost` when the lease does."""

    def __init__(self, pieces: Iterator[bytes], lease: Lease, progress: Progress) -> None:
        self._pieces, self._lease, self._progress = pieces, lease, progress
        self._piece = memoryview(b"")

    def read(self, size: int = -1) -> bytes:
        while not self._piece:
            if self._lease.lost:
                raise LeaseLost
            piece = next(self._pieces, None)
            self._progress.made()
            if piece is None:
                return b""
            self._piece = memoryview(piece)
        wanted = len(self._piece) if size < 0 else size
        data, self._piece = self._piece[:wanted], self._piece[wanted:]
        return bytes(data)


def export_results(parts: Parts) -> bool:
    """Spend a permit: make one export. Return whether there was any."""
    try:
        parts.leases.settle()
        export = parts.repository.exports.claim(parts.worker_id, parts.settings.lease_seconds)
    except PartUnavailable as error:
        parts.backoff.after(error)
        return False
    if export is None:
        return False
    with log_context(export_id=export.id, job_id=export.job_id):
        _work(parts, export)
    return True


def _work(parts: Parts, export: Export) -> None:
    """Work under a renewed lease.

    An unexpected error passes through: the lease expires, the sweep removes what is there and
    counts an attempt, as when the process had died.
    """
    exports = parts.repository.exports
    try:
        stored, items = _write(parts, export)
    except LeaseLost:
        log.info("export dropped: cancelled, or another worker has it")
        _discard(parts, export)
    except (TooLarge, InvalidParameter) as error:
        log.info("export failed", code=error.code)
        exports.fail(export, (error.code, error.message))
    except (JobNotFound, ObjectNotFound):
        log.info("export dropped: its job or its object has gone")
        _discard(parts, export)
    except PartUnavailable as error:
        _hand_back(parts, export)
        parts.backoff.after(error)
    except SystemExit:
        # The parent makes this process end on shutdown; otherwise an attempt is counted when the
        # lease expires.
        if parts.stopping():
            _hand_back(parts, export)
        raise
    else:
        _finish(parts, export, stored, items)


def _write(parts: Parts, export: Export) -> tuple[StoredStream, int]:
    """Write the object; return what was stored and of how many items."""
    settings, exports = parts.settings, parts.repository.exports
    items = _Counted(parts.repository.items.stream(export.tenant, export.job_id))

    def renew() -> bool:
        return exports.renew(export, settings.lease_seconds, items.count)

    progress = Progress(renew, settings.batch_hard_limit_seconds)
    with parts.leases.keep(progress.renew) as lease:
        pieces = _while_there_is_room(parts.space, export_pieces(parts, export, items))
        stream = _Stream(pieces, lease, progress)
        key = export.object_key or ""
        stored = parts.store.put_stream(key, stream, settings.max_export_bytes)  # type: ignore[arg-type]  # only `read` is called
    return stored, items.count


def _finish(parts: Parts, export: Export, stored: StoredStream, items: int) -> None:
    """Say that the object is there.

    When no answer comes the export may be made all the same, so the object is left alone: the sweep
    removes it where the lease expires.
    """
    exports, seconds = parts.repository.exports, parts.settings.export_seconds
    try:
        finished = exports.finish(export, stored.size, stored.sha256, items, seconds)
    except DatabaseUnavailable as error:
        parts.backoff.after(error)
        return
    if finished:
        log.info("export made", format=str(export.format), size=stored.size, items=items)
    else:
        log.info("export dropped: cancelled, or its job has changed")
        _discard(parts, export)


def export_pieces(parts: Parts, export: Export, items: Iterable[Item]) -> Iterator[bytes]:
    """Write items as the export's format says, in pieces.

    Raises:
        JobNotFound: The job has gone.
        InvalidParameter: The format cannot be written here.
    """
    form: ExportFormat = export.format
    bundles = Bundles(parts.repository.database, parts.settings)
    if form.pictures:
        most_pixels = parts.settings.max_film_pixels
        drawing = Pictures(parts.store, most_pixels, bundles, parts.drawers)
        return zip_stored(picture_files(items, drawing.pencil(PICTURE_OF[form], PICTURE_SIDE)))
    job = parts.repository.jobs.get(export.tenant, export.job_id)
    labels = labels_of(job, parts.repository.items, bundles)
    return table_pieces(form, accounted(items, job, parts.repository.entries), labels)


def _while_there_is_room(space: Space, pieces: Iterator[bytes]) -> Iterator[bytes]:
    space.check()
    written = 0
    for piece in pieces:
        written += len(piece)
        if written >= LOOK_BYTES:
            space.check(written)
            written = 0
        yield piece


def _discard(parts: Parts, export: Export) -> None:
    """Remove an object that belongs to nobody."""
    with suppress(StoreUnavailable):  # the audit finds it
        parts.store.discard(export.object_key or "")


def _hand_back(parts: Parts, export: Export) -> None:
    """Let another permit begin anew; no attempt is counted."""

    def give_back() -> None:
        parts.store.discard(export.object_key or "")
        parts.repository.exports.hand_back(export)

    try:
        give_back()
    except PartUnavailable as error:
        log.warning("export not handed back yet", code=error.code)
        parts.leases.owe(give_back)
