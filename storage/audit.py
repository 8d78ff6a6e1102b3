"""Audit events: who sent, read, deleted what, who changed keys and models. They are only added.

An event of a change is written in the change's transaction, so that neither is there without the
other: the API says who asks (`asked_by`), and what makes the change tells of it (`tell`).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, insert, select

from storage.columns import AnyRow
from storage.database import Database
from storage.models import AuditRow
from storage.pages import Page, make_page

_LONGEST_TARGET = 64
"""An id, or the key of a bundle, which is longer only where it is built in under such a name."""


class Action(StrEnum):
    """What is told of."""

    JOB_SUBMITTED = "job.submitted"
    JOB_DELETED = "job.deleted"
    RESULTS_READ = "results.read"
    EXPORT_ASKED = "export.asked"
    EXPORT_READ = "export.read"
    UPLOAD_DELETED = "upload.deleted"
    EXPORT_DELETED = "export.deleted"
    KEY_CREATED = "key.created"
    KEY_REVOKED = "key.revoked"
    MODEL_ADDED = "model.added"
    MODEL_ACTIVATED = "model.activated"
    MODEL_REMOVED = "model.removed"
    WEBHOOK_CREATED = "webhook.created"
    WEBHOOK_DELETED = "webhook.deleted"
    WEBHOOK_ROTATED = "webhook.rotated"
    WEBHOOK_PINGED = "webhook.pinged"
    WEBHOOK_REDELIVERED = "webhook.redelivered"


@dataclass(slots=True)
class Asked:
    """What a request is about to do.

    Attributes:
        action: What is told of if it is done.
        tenant: Whose key asks.
        key_id: Which key; None in a service without keys.
        request_id: Of the request.
        told: The event is written, if the transaction that it stands in was committed.
    """

    action: Action
    tenant: str
    key_id: str | None
    request_id: str
    told: bool = False


_asked: ContextVar[Asked | None] = ContextVar("asked", default=None)


def asked_by(asked: Asked | None) -> None:
    """Say what this thread's request is about to do; None: there is none, or it is over."""
    _asked.set(asked)


def tell(connection: Connection, at: float, target: str) -> None:
    """Write the event of the request, if there is one, into the transaction of its change.

    Args:
        connection: In a write transaction.
        at: Seconds since the epoch, by the database's clock.
        target: The id of what was changed.
    """
    asked = _asked.get()
    if asked is not None:
        _insert(connection, at, asked, [target])
        asked.told = True


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

    def record(self, asked: Asked, targets: Sequence[str | None]) -> None:
        """Add events of what changed nothing here, such as reading.

        Args:
            asked: What was done.
            targets: To what; an event each.

        Raises:
            DatabaseUnavailable: It could not be written.
        """
        with self._database.write() as connection:
            _insert(connection, self._database.time(connection), asked, targets)

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


def _insert(connection: Connection, at: float, asked: Asked, targets: Sequence[str | None]) -> None:
    rows = [
        {
            "at": at,
            "tenant": asked.tenant,
            "key_id": asked.key_id,
            "action": str(asked.action),
            "target": None if target is None else target[:_LONGEST_TARGET],
            "request_id": asked.request_id,
        }
        for target in targets
    ]
    connection.execute(insert(AuditRow), rows)


def _event(row: AnyRow) -> AuditEvent:
    return AuditEvent(*(getattr(row, name) for name in AuditEvent.__slots__))
