"""Films that are counted before they are stored, and removed when no job was made of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from api.parts import Parts
from lungline.errors import DatabaseUnavailable, PartUnavailable
from lungline.telemetry import get_logger
from storage.coming import Coming

log = get_logger(__name__)


@contextmanager
def counted(parts: Parts, tenant: str, bundle: str) -> Iterator[Coming]:
    """Store films and make their job inside: after an error none is left that no row owns.

    What cannot be removed now is left to the object audit.

    Args:
        parts: Where films and rows are.
        tenant: Whose films.
        bundle: `name@version` that is to read them.
    """
    repository = parts.repository
    coming = Coming(
        repository.database, repository.quotas, parts.space, tenant=tenant, bundle=bundle
    )
    try:
        yield coming
    except DatabaseUnavailable:
        log.warning("films_left", films=len(coming.digests))
        raise
    except Exception:
        try:
            repository.deletions.abandoned(parts.store, tenant, coming.digests)
        except PartUnavailable:
            log.warning("films_left", films=len(coming.digests))
        raise
