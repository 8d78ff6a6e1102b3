"""Leases after the database server's clock was set back: they seem to hold for as long as it was.

Who lives renews his lease within seconds, by the new time. So a lease that ends too late is
shortened, not taken back: who lives loses nothing, and what a dead one held is not away for an
hour.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, TextClause, and_, select, update

from lungline.domain import UploadStatus
from storage.database import Database
from storage.models import (
    DELIVERY_PENDING,
    EXPORT_RUNNING,
    ITEM_RUNNING,
    JOB_EXPANDING,
    UPLOAD_HELD,
    Base,
    DeliveryRow,
    ExportRow,
    ItemRow,
    JobRow,
    UploadRow,
)

LEAST_SECONDS = 60.0
"""A lease that ends within these is left alone: requests and deliveries hold that long, and workers
on other machines may have a longer lease than who looks. What lives renews more often than that."""


class _Lease(NamedTuple):
    row: type[Base]
    id: Any  # the row's attributes
    ends: Any
    held: ColumnElement[bool] | TextClause


_LEASES = (
    _Lease(ItemRow, ItemRow.id, ItemRow.lease_expires_at, ITEM_RUNNING),
    _Lease(JobRow, JobRow.id, JobRow.expand_lease_expires_at, JOB_EXPANDING),
    _Lease(JobRow, JobRow.id, JobRow.expand_after, JOB_EXPANDING),
    _Lease(ExportRow, ExportRow.id, ExportRow.lease_expires_at, EXPORT_RUNNING),
    _Lease(
        UploadRow,
        UploadRow.id,
        UploadRow.lease_expires_at,
        and_(UPLOAD_HELD, UploadRow.status == UploadStatus.COMPLETING),
    ),
    _Lease(
        DeliveryRow,
        DeliveryRow.id,
        DeliveryRow.next_at,
        and_(DELIVERY_PENDING, DeliveryRow.lease_id.is_not(None)),
    ),
)


def shorten_leases(database: Database, lease_seconds: float, limit: int) -> int:
    """Shorten leases of every kind that end later than any can that was made by today's clock.

    Args:
        database: Where they are.
        lease_seconds: How long a lease of a worker holds without renewal, here.
        limit: Most of one kind.

    Returns:
        The number of rows.
    """
    most = max(2 * lease_seconds, LEAST_SECONDS)
    return sum(_shorten(database, lease, most, limit) for lease in _LEASES)


def _shorten(database: Database, lease: _Lease, most: float, limit: int) -> int:
    late = and_(lease.held, lease.ends > database.now() + most)
    some = select(lease.id).where(late).order_by(lease.id).limit(limit)
    with database.read() as connection:  # on SQLite looking takes no write lock
        if connection.execute(some.limit(1)).first() is None:
            return 0

    def work(connection: Connection) -> int:
        ids = connection.execute(some.with_for_update(skip_locked=True)).scalars().all()
        change = update(lease.row).where(lease.id.in_(ids), late)
        return connection.execute(change.values({lease.ends: database.now() + most})).rowcount

    return database.run(work)
