"""The stored bytes of a film, which must be those that were stored."""

from __future__ import annotations

import hashlib
import time

from storage.claims import ClaimedItem
from storage.objects import ObjectStore

WAITS = (0.5, 1.0, 2.0)
"""Seconds between tries to read a film whose bytes came back wrong."""


class FilmDamaged(Exception):
    """The store gave other bytes than it was given. It may give the right ones next time."""


def fetch_film(store: ObjectStore, item: ClaimedItem) -> bytes:
    """Read a film from the store and compare it with its checksum, again after a while if need be.

    Raises:
        FilmDamaged: It has another checksum each time.
        ObjectNotFound: It is gone.
        StoreUnavailable: The store failed.
    """
    for seconds in (0.0, *WAITS):
        time.sleep(seconds)
        data = store.get(item.film.object_key)
        if hashlib.sha256(data).hexdigest() == item.film.sha256:
            return data
    raise FilmDamaged
