"""Removing objects that no row owns, while others may be about to make them their own."""

from __future__ import annotations

from sqlalchemy import Connection, exists, select

from lungline.domain import ItemStatus
from storage.database import Database
from storage.films import disown
from storage.models import BundleRow, FilmRow, ItemRow, TenantRow
from storage.object_audit.owners import owned
from storage.object_audit.places import Kind, Place
from storage.object_audit.unfinished import in_hand
from storage.objects import ObjectStore, Unfinished

_ACTIVE = (ItemStatus.QUEUED, ItemStatus.RUNNING)


class Removal:
    """Removes one object after the other."""

    def __init__(self, database: Database, store: ObjectStore, grace_seconds: float) -> None:
        """Keep where the objects and their rows are."""
        self._database, self._store, self._grace = database, store, grace_seconds

    def remove(self, place: Place) -> bool:
        """Remove an object, or leave that to the next purge of films; False: it has an owner now.

        Raises:
            PartUnavailable: The store or the database failed.
        """
        if place.kind is Kind.FILM:
            return self._database.run(lambda c: self._film(c, place))
        return self._database.run(lambda c: self._other(c, place))

    def drop(self, unfinished: Unfinished) -> bool:
        """Drop the parts of an object; False: somebody is at it now.

        Raises:
            PartUnavailable: The store or the database failed.
        """

        def work(connection: Connection) -> bool:
            if in_hand(connection, [unfinished]):
                return False
            self._store.parts.abort(unfinished.key, unfinished.token)
            return True

        return self._database.run(work)

    def _film(self, connection: Connection, place: Place) -> bool:
        """Make the film a row that is being deleted: an intake that has it stores it again."""
        known = select(TenantRow.id).where(TenantRow.id == place.tenant)
        if connection.execute(known).first() is None:
            self._store.delete(place.key)
            return True
        at = self._database.time(connection)
        return bool(disown(connection, at, place.tenant, [place.name]))

    def _other(self, connection: Connection, place: Place) -> bool:
        """Remove it while nobody can make it his own."""
        busy = self._hold(connection, place)
        given_up = self._database.time(connection) - self._grace
        if busy or owned(connection, [place], given_up):
            return False
        if place.kind in (Kind.UPLOAD, Kind.EXPORT):
            self._store.discard(place.key)
        else:
            self._store.delete(place.key)
        return True

    def _hold(self, connection: Connection, place: Place) -> bool:
        """Lock the rows through which an object gets its owner; True: one is about to.

        Keys of uploads and exports hold an id that is given once: theirs are not made later.
        """
        if place.kind is Kind.BUNDLE:
            of_it = select(BundleRow.key).where(BundleRow.checksum == place.tenant)
            connection.execute(of_it.order_by(BundleRow.key).with_for_update()).all()
            return False
        if place.kind not in (Kind.MASK, Kind.VIEW):
            return False
        film = select(FilmRow.id).where(
            FilmRow.tenant == place.tenant, FilmRow.sha256 == place.name
        )
        film_id = connection.execute(film.with_for_update()).scalar_one_or_none()
        # While the film is held no item begins to wait for it, so none is read.
        waits = exists().where(ItemRow.film_id == film_id, ItemRow.status.in_(_ACTIVE))
        return film_id is not None and bool(connection.execute(select(waits)).scalar_one())
