"""The stored bytes of a film, which must be those that were stored."""

from __future__ import annotations

import hashlib

from storage.claims import ClaimedItem
from storage.objects import ObjectStore


class FilmDamaged(Exception):
    """The store gave other bytes than it was given. It may give the right ones next time."""


def fetch_film(store: ObjectStore, item: ClaimedItem) -> bytes:
    """Read a film from the store and compare it with its checksum.

    Raises:
        FilmDamaged: It has another checksum.
        ObjectNotFound: It is gone.
        StoreUnavailable: The store failed.
    """
    data = store.get(item.film.object_key)
    if hashlib.sha256(data).hexdigest() != item.film.sha256:
        raise FilmDamaged
    return data
