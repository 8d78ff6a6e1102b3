"""Items in short, for tables of many: what is sorted and filtered by, and nothing else.

Whoever shows a table of a whole job wants a little of every film. These rows come by ranges of the
index `(job_id, seq)`, so that a range costs the same wherever it lies and whatever it is sorted by
afterwards, and no column is indexed for the sake of a view.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from lungline.domain import ItemStatus
from storage.columns import AnyRow
from storage.database import Database
from storage.items import require_job
from storage.models import ItemRow, PredictionRow


@dataclass(frozen=True, slots=True)
class ShortItem:
    """One film of a job, in short.

    Attributes:
        seq: Its place in the job, from 0.
        id: The item's id.
        name: What the client called it.
        status: Where it stands.
        error_code: Why it failed; a key of `lungline.errors.FILM_CODES`.
        error_reason: The same for people.
        duplicate_of: The first item of the job that has the same film.
        top_label: The label with the highest probability; None until it is read.
        findings: As in `NewPrediction`; None until it is read.
        in_distribution: Whether the film is of the kind the bundle was trained on.
        flags: Warnings about the film; None until it is read.
    """

    seq: int
    id: str
    name: str
    status: ItemStatus
    error_code: str | None
    error_reason: str | None
    duplicate_of: str | None
    top_label: str | None
    findings: list[dict[str, Any]] | None
    in_distribution: bool | None
    flags: list[str] | None


_COLUMNS = (
    ItemRow.seq,
    ItemRow.id,
    ItemRow.name,
    ItemRow.status,
    ItemRow.error_code,
    ItemRow.error_reason,
    ItemRow.duplicate_of,
    PredictionRow.top_label,
    PredictionRow.findings,
    PredictionRow.in_distribution,
    PredictionRow.flags,
)


class Rows:
    """Reads items in short."""

    def __init__(self, database: Database) -> None:
        """Keep the database."""
        self._database = database

    def range(self, tenant: str, job_id: str, first: int, count: int) -> list[ShortItem]:
        """List the items of a job whose `seq` is `first` to `first + count - 1`, in their order.

        Raises:
            JobNotFound: There is no such job.
        """
        query = (
            select(*_COLUMNS)
            .select_from(ItemRow)
            .outerjoin(PredictionRow, PredictionRow.id == ItemRow.prediction_id)
            .where(ItemRow.job_id == job_id, ItemRow.seq >= first, ItemRow.seq < first + count)
            .order_by(ItemRow.seq)
        )
        with self._database.read() as connection:
            require_job(connection, tenant, job_id)
            rows: list[AnyRow] = list(connection.execute(query))
        return [ShortItem(*row) for row in rows]
