"""Who reads at the moment: workers that hold films under a lease, as the items' rows tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from storage.database import Database
from storage.models import ITEM_RUNNING, ItemRow


@dataclass(frozen=True, slots=True)
class Busy:
    """A worker process with films in its hands.

    Attributes:
        worker: Its name.
        films: How many it holds.
        since_seconds: For how long it has held the first of them.
    """

    worker: str
    films: int
    since_seconds: float


def busy_workers(database: Database) -> list[Busy]:
    """List the workers that hold films; reads only rows that are being worked on.

    Raises:
        DatabaseUnavailable: The database does not answer.
    """
    query = (
        select(ItemRow.worker_id, func.count(), database.now() - func.min(ItemRow.started_at))
        .where(ITEM_RUNNING)
        .group_by(ItemRow.worker_id)
        .order_by(ItemRow.worker_id)
    )
    with database.read() as connection:
        found: list[tuple[Any, ...]] = [tuple(row) for row in connection.execute(query)]
    return [
        Busy(str(worker or ""), int(films), max(0.0, float(since or 0)))
        for worker, films, since in found
    ]
