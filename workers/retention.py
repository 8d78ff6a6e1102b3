"""Retention: each sweep removes what tenants may keep no longer, and says what it was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from lungline.retention import RetentionRules, retention_of
from lungline.settings import Settings
from lungline.telemetry import get_logger
from storage.retention import ARCHIVES_AT_ONCE, FILMS_AT_ONCE, Kind, Step
from workers.parts import Parts

log = get_logger(__name__)

CHUNK = 2000
"""Most rows changed in one transaction."""
FILMS_MARKED_AT_ONCE = 500
MOST_CHUNKS = 25
"""Chunks of one kind and tenant in one sweep: the next sweep goes on."""


def retain(parts: Parts) -> dict[str, int]:
    """Remove what is old, by the rules of its tenant.

    Raises:
        PartUnavailable: A part failed; what is left is tried again.

    Returns:
        How many of each kind went, as `retention_<kind>`.
    """
    removed: Counter[Kind] = Counter()
    try:
        for tenant in parts.repository.retention.tenants() if _any(parts.settings) else ():
            _tenant(parts, tenant, retention_of(parts.settings, tenant), removed)
        films = parts.repository.retention.films
        removed[Kind.FILMS] += _in_chunks(lambda: films(parts.store), FILMS_AT_ONCE)
    finally:
        if counts := {str(kind): count for kind, count in removed.items() if count}:
            log.info("removed by retention", **counts)
    return {f"retention_{kind}": removed[kind] for kind in Kind}


def _tenant(parts: Parts, tenant: str, rules: RetentionRules, removed: Counter[Kind]) -> None:
    retention, store = parts.repository.retention, parts.store
    if (days := rules.results) is not None:
        removed[Kind.JOBS] += _in_chunks(lambda: retention.jobs(tenant, days, CHUNK), CHUNK)
    if (old := rules.films) is not None:
        most = FILMS_MARKED_AT_ONCE
        _in_chunks(lambda: retention.mark(tenant, old, most), most)
    if (age := rules.uploads) is not None:
        removed[Kind.UPLOADS] += _in_chunks(lambda: retention.uploads(tenant, age, CHUNK), CHUNK)
        removed[Kind.ARCHIVES] += _in_chunks(
            lambda: retention.archives(store, tenant, age), ARCHIVES_AT_ONCE
        )


def _any(settings: Settings) -> bool:
    return any(
        (
            settings.retain_days,
            settings.retain_days_of,
            settings.retain_films_days,
            settings.retain_films_days_of,
            settings.retain_uploads_days,
            settings.retain_uploads_days_of,
        )
    )


def _in_chunks(step: Callable[[], Step], chunk: int) -> int:
    removed = 0
    for _ in range(MOST_CHUNKS):
        done = step()
        removed += done.removed
        if done.looked < chunk:
            break
    return removed
