"""A batch of films becomes outcomes and readings; nothing is written here."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial

from lungline.errors import ObjectNotFound
from lungline.telemetry import get_logger
from ml.analyzer import Reading
from ml.errors import FilmError
from storage.claims import Batch, ClaimedItem, Outcome
from workers.analyzers import BundleUnusable, Reader
from workers.outcomes import failed, film_failed, succeeded
from workers.parts import Parts

log = get_logger(__name__)


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


def read_films(parts: Parts, batch: Batch) -> BatchRead:
    """Fetch the films of a batch and read them.

    A film that is gone from the store, or was dropped by its age, fails alone. A bundle that cannot
    be used fails its films, not the worker.

    Raises:
        PartUnavailable: The store failed; no film is at fault.
        FilmUnreadable: The store, which is well, does not give a film as it was stored.
    """
    started = time.monotonic()
    try:
        reader = parts.analyzers.get(batch.bundle)
    except BundleUnusable as error:
        log.error("bundle unusable", bundle=batch.bundle, reason=error.message)
        return BatchRead([failed(item, error.code) for item in batch.items])
    fetched = list(parts.helpers.map(partial(_fetch, parts), batch.items))
    films = [(item, data) for item, data in fetched if data is not None]
    read = _read(reader, batch.bundle, films)
    read.outcomes += [failed(item, _absent(item)) for item, data in fetched if data is None]
    read.seconds = time.monotonic() - started
    return read


def _fetch(parts: Parts, item: ClaimedItem) -> tuple[ClaimedItem, bytes | None]:
    try:
        return item, parts.fetch(item)
    except ObjectNotFound:
        return item, None


def _absent(item: ClaimedItem) -> str:
    return "missing_object" if item.film.dropped_at is None else "film_dropped"


def _read(reader: Reader, bundle: str, films: list[tuple[ClaimedItem, bytes]]) -> BatchRead:
    read, runtime = BatchRead(), reader.runtime_name
    results = reader.read([data for _, data in films])
    for (item, _), result in zip(films, results, strict=True):
        if isinstance(result, FilmError):
            read.outcomes.append(film_failed(item, result))
        else:
            read.outcomes.append(succeeded(item, result, bundle=bundle, runtime=runtime))
            read.readings.append((item, result))
    return read
