"""Webhooks: who is told of events, what was told, and what is still to be told.

An endpoint is told of each event once it is written, by a row that is carried out later: an event's
transaction never waits for a receiver. A row is given up after a day.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Collection
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, or_, select, update

from lungline.domain import DeliveryStatus, new_id
from lungline.errors import DeliveryNotFound, TooManyWebhooks, WebhookNotFound
from storage.audit import tell
from storage.columns import AnyRow
from storage.database import Database
from storage.events import EventType
from storage.models import DELIVERY_PENDING, DeliveryRow, EventRow, TenantRow, WebhookRow
from storage.pages import Page, make_page
from storage.upserts import insert_missing

MOST_WEBHOOKS = 16
"""Of one tenant."""
SECRET_BYTES = 32
PING = "ping"
DAY = 86_400.0
KEPT_SECONDS = 30 * DAY
"""How long a delivery that has ended stays in the log."""
ROTATION_SECONDS = DAY
"""How long messages are signed with the secret before too."""
SETTLED_SECONDS = 60.0
"""Events of transactions that end late have smaller ids than others that are there before."""
BACKOFF_SECONDS = (5.0, 30.0, 120.0, 600.0, 1_800.0, 3_600.0, 7_200.0, 14_400.0)
"""Between tries; the last again and again."""
CHUNK_ROWS = 500


@dataclass(frozen=True, slots=True)
class Webhook:
    """An endpoint.

    Attributes:
        id: Of the endpoint.
        tenant: Whose events it is told.
        url: Where it is.
        events: Types of event that it is told.
        created_at: Seconds since the epoch, as all times.
    """

    id: str
    tenant: str
    url: str
    events: tuple[EventType, ...]
    created_at: float


@dataclass(frozen=True, slots=True)
class NewWebhook:
    """An endpoint with the secret that it verifies messages with, which is told only once."""

    webhook: Webhook
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to one endpoint.

    Attributes:
        id: Also of the message: receivers know by it what they had before.
        webhook_id: To which endpoint.
        type: Of the event; or `ping`.
        job_id: Whose event; None of a ping.
        at: When that happened.
        status: `pending`, `delivered` or `failed`.
        attempts: Tries so far.
        created_at: When it was written.
        next_at: When it is tried next, at the earliest; None once it has ended.
        last_status: HTTP status of the last answer; None: there was none.
        last_error: Why the last try failed, and the beginning of the answer.
        ended_at: When it arrived or was given up.
    """

    id: str
    webhook_id: str
    type: str
    job_id: str | None
    at: float
    status: DeliveryStatus
    attempts: int
    created_at: float
    next_at: float | None
    last_status: int | None
    last_error: str | None
    ended_at: float | None


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery in somebody's hands.

    Attributes:
        delivery: What to send.
        url: Where to.
        secrets: To sign it with, the newest first.
        lease_id: Without it nothing is written of the try.
    """

    delivery: Delivery
    url: str
    secrets: tuple[str, ...] = field(repr=False)
    lease_id: str


class Webhooks:
    """Keeps endpoints and the log of their deliveries."""

    def __init__(self, database: Database) -> None:
        """Keep the database."""
        self._database = database

    def create(self, tenant: str, url: str, events: Collection[EventType]) -> NewWebhook:
        """Make an endpoint; it is told of what happens from now on.

        Raises:
            TooManyWebhooks: The tenant has as many as it may.
        """
        secret, webhook_id = _new_secret(), new_id()

        def work(connection: Connection) -> Webhook:
            at = self._database.time(connection)
            insert_missing(connection, TenantRow, [{"id": tenant, "created_at": at}])
            count = select(func.count()).select_from(WebhookRow).where(WebhookRow.tenant == tenant)
            if connection.execute(count).scalar_one() >= MOST_WEBHOOKS:
                raise TooManyWebhooks(
                    f"A tenant has at most {MOST_WEBHOOKS} webhooks; delete one first."
                )
            newest = select(func.coalesce(func.max(EventRow.id), 0))
            webhook = Webhook(webhook_id, tenant, url, tuple(sorted(events)), at)
            connection.execute(
                insert(WebhookRow).values(
                    id=webhook.id,
                    tenant=tenant,
                    url=url,
                    events=list(webhook.events),
                    secret=secret,
                    cursor=connection.execute(newest).scalar_one(),
                    created_at=at,
                )
            )
            tell(connection, at, webhook_id)
            return webhook

        return NewWebhook(self._database.run(work), secret)

    def get(self, tenant: str, webhook_id: str) -> Webhook:
        """Find an endpoint.

        Raises:
            WebhookNotFound: There is none.
        """
        with self._database.read() as connection:
            return _webhook(_own(connection, tenant, webhook_id))

    def page(self, tenant: str, *, limit: int, cursor: str | None = None) -> Page[Webhook]:
        """List endpoints, newest first."""
        query = select(WebhookRow.__table__).where(WebhookRow.tenant == tenant)
        if cursor is not None:
            query = query.where(WebhookRow.id < cursor)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(WebhookRow.id.desc()).limit(limit + 1)).all()
        return make_page(rows, limit, _webhook, lambda webhook: webhook.id)

    def delete(self, tenant: str, webhook_id: str) -> None:
        """Forget an endpoint and its log; what is on its way may still arrive.

        Raises:
            WebhookNotFound: There is none.
        """

        def work(connection: Connection) -> None:
            _own(connection, tenant, webhook_id, lock=True)
            connection.execute(delete(DeliveryRow).where(DeliveryRow.webhook_id == webhook_id))
            connection.execute(delete(WebhookRow).where(WebhookRow.id == webhook_id))
            tell(connection, self._database.time(connection), webhook_id)

        self._database.run(work)

    def rotate(self, tenant: str, webhook_id: str) -> NewWebhook:
        """Give an endpoint a new secret; for a day messages are signed with the old one too.

        Raises:
            WebhookNotFound: There is none.
        """
        secret = _new_secret()

        def work(connection: Connection) -> Webhook:
            row = _own(connection, tenant, webhook_id, lock=True)
            at = self._database.time(connection)
            connection.execute(
                update(WebhookRow)
                .where(WebhookRow.id == webhook_id)
                .values(
                    secret=secret,
                    old_secret=row.secret,
                    old_secret_until=at + ROTATION_SECONDS,
                )
            )
            tell(connection, at, webhook_id)
            return _webhook(row)

        return NewWebhook(self._database.run(work), secret)

    def ping(self, tenant: str, webhook_id: str) -> Delivery:
        """Write a message that tells of nothing.

        Raises:
            WebhookNotFound: There is no such endpoint.
        """

        def work(connection: Connection) -> str:
            _own(connection, tenant, webhook_id, lock=True)
            at = self._database.time(connection)
            row = _new_delivery(webhook_id, at) | {"type": PING, "job_id": None, "at": at}
            connection.execute(insert(DeliveryRow).values(**row, event_id=None))
            tell(connection, at, webhook_id)
            return str(row["id"])

        return self.delivery(tenant, webhook_id, self._database.run(work))

    def deliveries(
        self, tenant: str, webhook_id: str, *, limit: int, cursor: str | None = None
    ) -> Page[Delivery]:
        """List what an endpoint was told, newest first.

        Raises:
            WebhookNotFound: There is no such endpoint.
        """
        query = select(DeliveryRow.__table__).where(DeliveryRow.webhook_id == webhook_id)
        if cursor is not None:
            query = query.where(DeliveryRow.id < cursor)
        with self._database.read() as connection:
            _own(connection, tenant, webhook_id)
            rows = connection.execute(query.order_by(DeliveryRow.id.desc()).limit(limit + 1)).all()
        return make_page(rows, limit, _delivery, lambda each: each.id)

    def delivery(self, tenant: str, webhook_id: str, delivery_id: str) -> Delivery:
        """Find a delivery.

        Raises:
            WebhookNotFound: There is no such endpoint.
            DeliveryNotFound: It has no such delivery.
        """
        with self._database.read() as connection:
            _own(connection, tenant, webhook_id)
            query = select(DeliveryRow.__table__).where(
                DeliveryRow.id == delivery_id, DeliveryRow.webhook_id == webhook_id
            )
            row = connection.execute(query).first()
        if row is None:
            raise DeliveryNotFound("The webhook has no delivery with this id.")
        return _delivery(row)

    def redeliver(self, tenant: str, webhook_id: str, delivery_id: str) -> Delivery:
        """Send a message once more, under the same id, and again for a day.

        Raises:
            WebhookNotFound: There is no such endpoint.
            DeliveryNotFound: It has no such delivery.
        """
        self.delivery(tenant, webhook_id, delivery_id)

        def work(connection: Connection) -> None:
            at = self._database.time(connection)
            connection.execute(
                update(DeliveryRow)
                .where(DeliveryRow.id == delivery_id)
                .values(
                    status=DeliveryStatus.PENDING,
                    attempts=0,
                    next_at=at,
                    give_up_at=at + DAY,
                    lease_id=None,
                    ended_at=None,
                )
            )
            tell(connection, at, webhook_id)

        self._database.run(work)
        return self.delivery(tenant, webhook_id, delivery_id)

    def fan_out(self, limit: int = CHUNK_ROWS) -> int:
        """Write a delivery for each event that an endpoint is to be told and has not been.

        Returns:
            The number of deliveries written.
        """
        with self._database.read() as connection:
            rows = connection.execute(select(WebhookRow.__table__)).all()
            newest = connection.execute(select(func.max(EventRow.id))).scalar_one() or 0
        return sum(self._fan_out(row, limit) for row in rows if row.cursor < newest)

    def _fan_out(self, webhook: AnyRow, limit: int) -> int:
        unsent = (
            select(EventRow.id, EventRow.at, EventRow.type, EventRow.job_id)
            .where(*_untold(webhook))
            .order_by(EventRow.id)
            .limit(limit)
        )
        settled = select(func.max(EventRow.id)).where(
            EventRow.id > webhook.cursor, EventRow.at < self._database.now() - SETTLED_SECONDS
        )
        with self._database.read() as connection:  # on SQLite looking takes no write lock
            upto = connection.execute(settled).scalar_one()
            events = connection.execute(unsent).all()

        def work(connection: Connection) -> int:
            query = select(WebhookRow.id).where(WebhookRow.id == webhook.id).with_for_update()
            if connection.execute(query).first() is None:
                return 0
            at = self._database.time(connection)
            rows = [
                _new_delivery(webhook.id, at)
                | {"event_id": event.id, "type": event.type, "job_id": event.job_id, "at": event.at}
                for event in events
            ]
            if upto is not None and len(events) < limit:
                change = update(WebhookRow).where(
                    WebhookRow.id == webhook.id, WebhookRow.cursor < upto
                )
                connection.execute(change.values(cursor=upto))
            insert_missing(connection, DeliveryRow, rows)
            return len(rows)  # of several rows psycopg does not tell how many were new

        return self._database.run(work) if events or upto is not None else 0

    def due(self, limit: int) -> list[str]:
        """Name endpoints for which something is due: of each tenant one, then its second.

        Those that wait longest come first.
        """
        oldest = func.min(DeliveryRow.next_at)
        place = func.row_number().over(partition_by=WebhookRow.tenant, order_by=oldest)
        query = (
            select(DeliveryRow.webhook_id)
            .join(WebhookRow, WebhookRow.id == DeliveryRow.webhook_id)
            .where(DELIVERY_PENDING, DeliveryRow.next_at <= self._database.now())
            .group_by(DeliveryRow.webhook_id, WebhookRow.tenant)
            .order_by(place, oldest)
            .limit(limit)
        )
        with self._database.read() as connection:
            return list(connection.execute(query).scalars())

    def claim(self, webhook_id: str, lease_seconds: float) -> Claimed | None:
        """Take an endpoint's next delivery; None when nothing is due.

        Who does not come back loses it after `lease_seconds`: it is due again then.
        """
        lease_id = new_id()

        def work(connection: Connection) -> Claimed | None:
            at = self._database.time(connection)
            mine = and_(DELIVERY_PENDING, DeliveryRow.webhook_id == webhook_id)
            oldest = (
                select(DeliveryRow.id)
                .where(mine, DeliveryRow.next_at <= at)
                .order_by(DeliveryRow.next_at, DeliveryRow.id)
                .limit(1)
                .with_for_update(skip_locked=True)
            )
            delivery_id = connection.execute(oldest).scalar()
            if delivery_id is None:
                return None
            connection.execute(
                update(DeliveryRow)
                .where(DeliveryRow.id == delivery_id, DELIVERY_PENDING)
                .values(
                    lease_id=lease_id,
                    next_at=at + lease_seconds,
                    attempts=DeliveryRow.attempts + 1,
                )
            )
            columns = (
                WebhookRow.url,
                WebhookRow.secret,
                WebhookRow.old_secret,
                WebhookRow.old_secret_until,
            )
            query = select(DeliveryRow.__table__, *columns).join(
                WebhookRow, WebhookRow.id == DeliveryRow.webhook_id
            )
            row = connection.execute(query.where(DeliveryRow.id == delivery_id)).one()
            old = row.old_secret if (row.old_secret_until or 0.0) > at else None
            signers = (row.secret, old) if old else (row.secret,)
            return Claimed(_delivery(row), row.url, signers, lease_id)

        return self._database.run(work)

    def finish(
        self, claimed: Claimed, status: int | None, error: str | None, *, again: bool = True
    ) -> bool:
        """Write how a try went; what was lost meanwhile is left alone.

        A try that failed puts off all that waits for the endpoint: it is not asked for each.

        Args:
            claimed: What was sent.
            status: HTTP status of the answer; None: there was none.
            error: Why it failed; None: it arrived.
            again: Whether trying again can help.

        Returns:
            Whether the try still counted.
        """

        def work(connection: Connection) -> bool:
            at = self._database.time(connection)
            held = select(DeliveryRow.attempts, DeliveryRow.give_up_at, DeliveryRow.webhook_id)
            query = held.where(
                DeliveryRow.id == claimed.delivery.id,
                DELIVERY_PENDING,
                DeliveryRow.lease_id == claimed.lease_id,
            )
            row = connection.execute(query.with_for_update()).first()
            if row is None:
                return False
            next_at = at + BACKOFF_SECONDS[min(row.attempts, len(BACKOFF_SECONDS)) - 1]
            over = error is None or not again or next_at > row.give_up_at
            ended = DeliveryStatus.DELIVERED if error is None else DeliveryStatus.FAILED
            connection.execute(
                update(DeliveryRow)
                .where(DeliveryRow.id == claimed.delivery.id)
                .values(
                    status=ended if over else DeliveryStatus.PENDING,
                    next_at=None if over else next_at,
                    ended_at=at if over else None,
                    lease_id=None,
                    last_status=status,
                    last_error=error,
                )
            )
            if error is not None:
                connection.execute(
                    update(DeliveryRow)
                    .where(
                        DELIVERY_PENDING,
                        DeliveryRow.webhook_id == row.webhook_id,
                        or_(DeliveryRow.lease_id.is_(None), DeliveryRow.next_at <= at),
                        DeliveryRow.next_at < next_at,
                        DeliveryRow.id != claimed.delivery.id,
                    )
                    .values(next_at=next_at)
                )
            return True

        return self._database.run(work)

    def forget(self, limit: int = CHUNK_ROWS) -> int:
        """Remove deliveries from the log that ended long ago, at most `limit`.

        Returns:
            The number removed.
        """
        old = DeliveryRow.ended_at < self._database.now() - KEPT_SECONDS
        some = select(DeliveryRow.id).where(old).limit(limit)
        with self._database.read() as connection:
            ids = list(connection.execute(some).scalars())
        if not ids:
            return 0
        with self._database.write() as connection:
            gone = delete(DeliveryRow).where(DeliveryRow.id.in_(ids), old)
            return connection.execute(gone).rowcount


def _own(connection: Connection, tenant: str, webhook_id: str, *, lock: bool = False) -> AnyRow:
    query = select(WebhookRow.__table__).where(
        WebhookRow.id == webhook_id, WebhookRow.tenant == tenant
    )
    row = connection.execute(query.with_for_update() if lock else query).first()
    if row is None:
        raise WebhookNotFound("There is no webhook with this id.")
    return row


def is_untold(connection: Connection, job_id: str) -> bool:
    """Whether an endpoint is still to be told of an event of a job: `fan_out` reads these rows.

    An endpoint that was made later, or has been deleted, wants nothing; nor does any forever, for
    each fan-out writes what it wants.
    """
    of_job = select(EventRow.tenant).where(EventRow.job_id == job_id).limit(1)
    mine = select(WebhookRow.__table__).where(WebhookRow.tenant == of_job.scalar_subquery())
    return any(
        connection.execute(
            select(EventRow.id).where(EventRow.job_id == job_id, *_untold(webhook)).limit(1)
        ).first()
        for webhook in connection.execute(mine).all()
    )


def _untold(webhook: AnyRow) -> tuple[ColumnElement[bool], ...]:
    """The events that an endpoint is to be told of and has no delivery for."""
    known = select(DeliveryRow.id).where(
        DeliveryRow.webhook_id == webhook.id, DeliveryRow.event_id == EventRow.id
    )
    return (
        EventRow.id > webhook.cursor,
        EventRow.tenant == webhook.tenant,
        EventRow.type.in_(webhook.events),
        ~known.exists(),
    )


def _new_secret() -> str:
    """A secret as the specification writes it."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode("ascii")


def _new_delivery(webhook_id: str, at: float) -> dict[str, object]:
    return {
        "id": new_id(),
        "webhook_id": webhook_id,
        "status": DeliveryStatus.PENDING,
        "attempts": 0,
        "created_at": at,
        "next_at": at,
        "give_up_at": at + DAY,
    }


def _webhook(row: AnyRow) -> Webhook:
    events = tuple(EventType(event) for event in row.events if event in set(EventType))
    return Webhook(row.id, row.tenant, row.url, events, row.created_at)


def _delivery(row: AnyRow) -> Delivery:
    return Delivery(**{name: getattr(row, name) for name in Delivery.__slots__})
