"""The stored bytes of a film, which must be those that were stored.

A store that fails is waited for, and no film is at fault. But a store that fails for one film alone
would be waited for for ever, and with it the films beside. So it is asked for others in between.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection

from lungline.errors import ObjectNotFound, StoreUnavailable
from storage.claims import ClaimedItem
from storage.objects import ObjectStore

WAITS = (0.5, 1.0, 2.0)
"""Seconds between tries to read a film that came back wrong, or not at all."""
PATIENCE_SECONDS = 10.0
"""A store that takes longer to fail is away, whatever it says: as long as S3 may be silent."""

Beside = Callable[[str, str], Collection[str]]
"""Keys of other stored films, by the tenant and the sha256 of one (`KnownObjects.beside`)."""


class FilmUnreadable(Exception):
    """The store, which is well, does not give a film as it was stored. It may do so next time.

    Attributes:
        reason: What is wrong, and what to do.
    """

    def __init__(self, reason: str) -> None:
        """Keep the reason."""
        super().__init__(reason)
        self.reason = reason


def fetch_film(store: ObjectStore, beside: Beside, item: ClaimedItem) -> bytes:
    """Read a film from the store and compare it with its checksum, again after a while if need be.

    A film is at fault only when no try got it, and the store was seen to be well after each.

    Raises:
        FilmUnreadable: It has another checksum each time, or the store fails for it alone.
        ObjectNotFound: It is gone.
        StoreUnavailable: The store failed.
        DatabaseUnavailable: It failed, and nobody could say for what else to ask it.
    """
    ends, reason = time.monotonic() + PATIENCE_SECONDS, ""
    for seconds in (0.0, *WAITS):
        time.sleep(seconds)
        try:
            data = store.get(item.film.object_key)
        except StoreUnavailable as error:
            if not _gives_others(store, beside, item, ends):
                raise
            reason = f"gives others, but not this one: {error.message}"
        else:
            if hashlib.sha256(data).hexdigest() == item.film.sha256:
                return data
            reason = "gives other bytes than were stored."
    raise FilmUnreadable(
        f"The object store {reason} Retry the film once its operator has mended that, "
        "or send it again."
    )


def _gives_others(store: ObjectStore, beside: Beside, item: ClaimedItem, ends: float) -> bool:
    """Whether the store is well: it can be used, and fails for fewer than half of some films.

    Args:
        store: Which has just failed for a film.
        beside: Tells what else to ask it for.
        item: Whose film.
        ends: When it is slow rather than well, by the monotonic clock.

    Raises:
        StoreUnavailable: It cannot be used.
        DatabaseUnavailable: The database does not answer.
    """
    if time.monotonic() > ends:
        return False
    store.check()
    keys, failures = beside(item.tenant, item.film.sha256), 0
    for key in keys:
        if time.monotonic() > ends:
            return False
        try:
            store.get_range(key, 0, 1)
        except StoreUnavailable:
            failures += 1
        except ObjectNotFound:  # deleted meanwhile, or gone: the store is there to say so
            continue
    return time.monotonic() <= ends and (not keys or 2 * failures < len(keys))
