"""What a submission brings, counted before it is stored: no row tells of it yet."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, select

from storage import predictions
from storage.database import Database
from storage.intake.film import IntakenFilm
from storage.models import FilmRow
from storage.quotas import Quotas
from storage.space import Space
from storage.upserts import chunks


class Coming:
    """The films of one submission, batch after batch.

    Attributes:
        digests: The sha256 of those that were counted, and may be stored.
    """

    def __init__(
        self, database: Database, quotas: Quotas, space: Space, *, tenant: str, bundle: str
    ) -> None:
        """Begin to count.

        Args:
            database: Knows what is stored, and what was read.
            quotas: What the tenant may have.
            space: What there is room for.
            tenant: Whose submission.
            bundle: `name@version` that is to read the films.
        """
        self._database, self._quotas, self._space = database, quotas, space
        self._tenant, self._bundle = tenant, bundle
        self._new: dict[str, int] = {}
        self._queued = 0
        self.digests: set[str] = set()

    def add(self, films: Collection[IntakenFilm]) -> None:
        """Count films that are about to be stored, together with those before.

        Raises:
            QuotaExceeded: The tenant would certainly have more than it may.
            StorageFull: There is no room.
            DatabaseUnavailable: The database does not answer.
        """
        sizes = {film.sha256: film.size for film in films}
        with self._database.read() as connection:
            kept, read = self._known(connection, sizes.keys())
        before = sum(self._new.values())
        self._new.update((sha256, sizes[sha256]) for sha256 in sizes.keys() - kept)
        self._queued += sum(film.sha256 not in read for film in films)
        total = sum(self._new.values())
        self._quotas.check(self._tenant, total, self._queued)
        self._space.check(total - before, before)
        self.digests |= sizes.keys()

    def _known(self, connection: Connection, digests: Collection[str]) -> tuple[set[str], set[str]]:
        """Those that are stored already, and those that the bundle has read before."""
        kept, read = set(), set()
        for some in chunks(digests):
            rows = connection.execute(
                select(FilmRow.id, FilmRow.sha256, FilmRow.deleting_at, FilmRow.dropped_at).where(
                    FilmRow.tenant == self._tenant, FilmRow.sha256.in_(some)
                )
            ).all()
            answered = predictions.existing(connection, self._bundle, [row.id for row in rows])
            kept |= {row.sha256 for row in rows if row.deleting_at is row.dropped_at is None}
            read |= {row.sha256 for row in rows if row.id in answered}
        return kept, read
