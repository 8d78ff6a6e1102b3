"""Retention: each sweep removes what tenants may keep no longer, and says what it was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial

from lungline.retention import RetentionRules, retention_of
from lungline.settings import Settings
from lungline.telemetry import get_logger
from storage.retention import FILMS_AT_ONCE, Kind, Step
from workers.parts import Parts
from workers.steps import take

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
    removed: Counter[str] = Counter()
    retention = parts.repository.retention
    try:
        for tenant in retention.tenants() if _any(parts.settings) else ():
            for kind, step in _steps(parts, tenant, retention_of(parts.settings, tenant)).items():
                removed.update(take(parts, {kind: step}))
        films = partial(retention.films, parts.store)
        removed.update(take(parts, {Kind.FILMS: lambda: _in_chunks(films, FILMS_AT_ONCE)}))
    finally:
        if counts := {str(kind): count for kind, count in removed.items() if count}:
            log.info("removed by retention", **counts)
    return {f"retention_{kind}": removed[kind] for kind in Kind}


def _steps(parts: Parts, tenant: str, rules: RetentionRules) -> dict[str, Callable[[], int]]:
    """What is done for one tenant, by the kind that goes."""
    retention = parts.repository.retention
    steps: dict[str, Callable[[], int]] = {}
    if (days := rules.results) is not None:
        jobs = partial(retention.jobs, tenant, days, CHUNK)
        steps[Kind.JOBS] = lambda: _in_chunks(jobs, CHUNK)
    if (old := rules.films) is not None:
        mark = partial(retention.mark, tenant, old, FILMS_MARKED_AT_ONCE)
        # They count as removed once their objects are.
        steps[Kind.FILMS] = lambda: 0 * _in_chunks(mark, FILMS_MARKED_AT_ONCE)
    if (age := rules.uploads) is not None:
        uploads = partial(retention.uploads, tenant, age, CHUNK)
        archives = partial(retention.archives, tenant, age, CHUNK)
        steps[Kind.UPLOADS] = lambda: _in_chunks(uploads, CHUNK)
        steps[Kind.ARCHIVES] = lambda: _in_chunks(archives, CHUNK)
    return steps


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
