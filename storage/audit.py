"""Audit events: who sent, read, deleted what, and who changed keys. They are only ever added."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import insert, select

from storage.columns import AnyRow
from storage.database import Database
from storage.models import AuditRow
from storage.pages import Page, make_page


class Action(StrEnum):
    """What is told of."""

    JOB_SUBMITTED = "job.submitted"
    JOB_DELETED = "job.deleted"
    RESULTS_READ = "results.read"
    UPLOAD_DELETED = "upload.deleted"
    KEY_CREATED = "key.created"
    KEY_REVOKED = "key.revoked"


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """Somebody did something.

    Attributes:
        id: Grows with each event.
        at: Seconds since the epoch, by the server's clock.
        tenant: Whose key it was.
        key_id: Which key; None in a service without keys.
        action: What was done.
        target: The id of what it was done to; None where it has none.
        request_id: Also on the lines of the log.
    """

    id: int
    at: float
    tenant: str
    key_id: str | None
    action: str
    target: str | None
    request_id: str


class Audit:
    """Writes and lists audit events."""

    def __init__(self, database: Database) -> None:
        """Keep the database."""
        self._database = database

    def record(
        self,
        action: Action,
        *,
        tenant: str,
        key_id: str | None,
        target: str | None,
        request_id: str,
    ) -> None:
        """Add an event; see `AuditEvent`.

        Raises:
            DatabaseUnavailable: It could not be written.
        """
        values = {"tenant": tenant, "key_id": key_id, "target": target, "request_id": request_id}
        with self._database.write() as connection:
            event = insert(AuditRow).values(action=str(action), at=self._database.now(), **values)
            connection.execute(event)

    def page(
        self, *, limit: int, cursor: int | None = None, tenant: str | None = None
    ) -> Page[AuditEvent]:
        """List events, newest first.

        Args:
            limit: Most of them.
            cursor: The id of the last event of the page before.
            tenant: Only those of its keys.
        """
        query = select(AuditRow.__table__).order_by(AuditRow.id.desc()).limit(limit + 1)
        if cursor is not None:
            query = query.where(AuditRow.id < cursor)
        if tenant is not None:
            query = query.where(AuditRow.tenant == tenant)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return make_page(rows, limit, _event, lambda event: str(event.id))


def _event(row: AnyRow) -> AuditEvent:
    return AuditEvent(*(getattr(row, name) for name in AuditEvent.__slots__))
