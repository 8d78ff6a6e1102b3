"""Objects that go while the rows of their films are locked, a moment's work at a time.

On SQLite nobody else writes meanwhile, so that with a slow store leases could not be renewed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Protocol

from sqlalchemy import Connection, select

from storage.columns import AnyRow
from storage.models import PredictionRow

MOST_SECONDS = 2.0
"""Time after which nothing more is begun in one transaction."""


class Deletes(Protocol):
    """An object store, as far as it is needed here."""

    def delete(self, key: str) -> None:
        """Remove an object; nothing happens where there is none."""
        ...


def objects_of(connection: Connection, films: Sequence[AnyRow]) -> dict[str, list[str]]:
    """The keys of films, then of their masks and views, by the film's id.

    The film comes first: while one is there, so are its pictures.

    Args:
        connection: A transaction.
        films: Rows with `id` and `object_key`.
    """
    keys = {str(film.id): [str(film.object_key)] for film in films}
    maps = select(PredictionRow.film_id, PredictionRow.mask_key, PredictionRow.view_key)
    for film_id, *made in connection.execute(maps.where(PredictionRow.film_id.in_(list(keys)))):
        keys[film_id] += [key for key in made if key is not None]
    return keys


def delete_some(store: Deletes, objects: Mapping[str, Sequence[str]]) -> list[str]:
    """Delete the objects of one film after another, until the time is over; one film's at least.

    Raises:
        StoreUnavailable: The store failed; to delete again what is gone does no harm.

    Returns:
        The ids of the films whose objects are gone.
    """
    ends, gone = time.monotonic() + MOST_SECONDS, list[str]()
    for film_id, keys in objects.items():
        if gone and time.monotonic() > ends:
            break
        for key in dict.fromkeys(keys):  # bundles may share a mask
            store.delete(key)
        gone.append(film_id)
    return gone
