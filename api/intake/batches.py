"""Films of one form, from the spool to the store: several a time, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from api.intake.multipart import FilePart
from api.intake.spool import Spool
from lungline.errors import FilmRejected
from storage.coming import Coming
from storage.intake import FilmIntake, PreparedFilm
from storage.items import NewItem

MOST_FILMS = 64
MOST_BYTES = 32 * 1024 * 1024
"""A batch is stored when it has this many bytes, so memory holds this much and one film more."""


class FilmBatches:
    """Takes films in; flushing several to disk together takes a quarter of the time."""

    def __init__(self, intake: FilmIntake, tenant: str, coming: Coming) -> None:
        """Take the films of `tenant`, as far as `coming` lets them pass."""
        self._intake = intake
        self._coming = coming
        self._tenant = tenant
        self._waiting: list[PreparedFilm] = []

    def take(self, spool: Spool, files: Iterable[FilePart]) -> Iterator[NewItem]:
        """Yield an item a file, in order; all are stored when the iterator has ended.

        A film that cannot be taken gives an item with its error.

        Raises:
            QuotaExceeded: The tenant would have more than it may.
            StorageFull: There is no room.
            StoreUnavailable: The object store failed.
            DatabaseUnavailable: The database does not answer.
        """
        for part in files:
            yield self._item(spool, part)
            if self._full():
                self._flush()
        self._flush()

    def _item(self, spool: Spool, part: FilePart) -> NewItem:
        try:
            if part.received > part.content.size:
                raise FilmRejected("too_large", _too_large(part))
            prepared = self._intake.prepare(self._tenant, spool.read(part.content))
        except FilmRejected as error:
            return NewItem(name=part.name, film=None, error=(error.code, error.message))
        self._waiting.append(prepared)
        return NewItem(name=part.name, film=prepared.film, error=None)

    def _full(self) -> bool:
        size = sum(prepared.film.size for prepared in self._waiting)
        return len(self._waiting) >= MOST_FILMS or size >= MOST_BYTES

    def _flush(self) -> None:
        if self._waiting:
            self._coming.add([prepared.film for prepared in self._waiting])
            self._intake.store_all(self._waiting)
            self._waiting.clear()


def _too_large(part: FilePart) -> str:
    return f"The file has {part.received:,} bytes, more than the limit allows."
