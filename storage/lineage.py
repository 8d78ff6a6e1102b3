"""Jobs that read the stored films of another job again."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from lungline.domain import FilmFormat, JobStatus
from lungline.errors import JobNotFound, SourceExpanding
from storage.columns import AnyRow
from storage.database import Database
from storage.external import External
from storage.films import FILM_COLUMNS, FilmRef
from storage.intake.film import IntakenFilm
from storage.items import require_job
from storage.models import FilmRow, ItemRow, JobRow

_GROWING = (JobStatus.RECEIVING, JobStatus.EXPANDING)
_ITEM = (
    ItemRow.name,
    ItemRow.external_id,
    ItemRow.client_metadata,
    ItemRow.study_hash,
    ItemRow.patient_hash,
)


@dataclass(frozen=True, slots=True)
class SourceFilm:
    """A film of the job that is read again.

    Attributes:
        name: As its item there has it.
        external: What the client said of it.
        film: What the store keeps; None: intake refused it.
        dropped: Whether retention has dropped its pixels.
    """

    name: str
    external: External
    film: IntakenFilm | None
    dropped: bool


class Lineage:
    """Reads the films of jobs that are read again."""

    def __init__(self, database: Database) -> None:
        """Keep the database."""
        self._database = database

    def total(self, tenant: str, job_id: str) -> int:
        """Count the films of a job, good and bad.

        Raises:
            JobNotFound: There is no such job.
        """
        query = select(JobRow.total).where(JobRow.id == job_id)
        with self._database.read() as connection:
            require_job(connection, tenant, job_id)
            return connection.execute(query).scalar_one()

    def films(self, tenant: str, job_id: str, first: int, limit: int) -> list[SourceFilm]:
        """List films of a job from its place `first` on, at most `limit`.

        Raises:
            JobNotFound: There is no such job, or not any more.
        """
        query = (
            select(*FILM_COLUMNS, *_ITEM)
            .select_from(ItemRow)
            .outerjoin(FilmRow, FilmRow.id == ItemRow.film_id)
            .where(ItemRow.job_id == job_id, ItemRow.seq >= first)
            .order_by(ItemRow.seq)
            .limit(limit)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).all()
            # Looked for afterwards: a job is gone before its items are, so none was missing.
            require_job(connection, tenant, job_id)
        return [_film(row) for row in rows]


def check_source(connection: Connection, tenant: str, job_id: str) -> None:
    """Make sure that a job's films can be read again, in the transaction that makes the new job.

    Raises:
        JobNotFound: There is no such job.
        SourceExpanding: Films are still being found for it.
    """
    query = select(JobRow.status).where(
        JobRow.id == job_id, JobRow.tenant == tenant, JobRow.deleted_at.is_(None)
    )
    status = connection.execute(query).scalar_one_or_none()
    if status is None:
        raise JobNotFound(f"There is no job {job_id!r} whose films could be read again.")
    if status in _GROWING:
        raise SourceExpanding(
            f"The job is {status}, so films would be missing. Ask again once its expansion is done."
        )


def _film(row: AnyRow) -> SourceFilm:
    columns = tuple(row)
    ref, item = columns[: len(FILM_COLUMNS)], columns[len(FILM_COLUMNS) :]
    name, external_id, metadata, study, patient = item
    external = External(external_id, metadata)
    if ref[0] is None:
        return SourceFilm(name, external, None, dropped=False)
    film = FilmRef(*ref)
    taken = IntakenFilm(
        film.sha256,
        FilmFormat(film.format),
        film.size,
        film.width,
        film.height,
        film.object_key,
        study,
        patient,
    )
    return SourceFilm(name, external, taken, dropped=film.dropped_at is not None)
