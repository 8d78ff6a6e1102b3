"""Uploads: archives that come in parts, before they are jobs.

The row is made before the store is asked for anything, and goes after everything in the store has
gone: whatever dies when, the sweep finds by the row what is left of an upload.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Protocol

from sqlalchemy import ColumnElement, Connection, and_, delete, func, or_, select, update

from lungline.domain import UploadStatus, new_id
from lungline.errors import TooManyUploads, UploadNotFound
from storage import transitions
from storage.audit import tell
from storage.backups import no_backup
from storage.columns import AnyRow, AnySelect
from storage.database import Database
from storage.models import UPLOAD_DELETING, UPLOAD_HELD, TenantRow, UploadRow
from storage.objects.parted import Parted, PartedObjects
from storage.pages import Page, make_page
from storage.quotas import Limits, enforce
from storage.upserts import insert_missing

REMOVED_AT_ONCE = 50
STILLBORN_SECONDS = 3_600.0
"""An upload for which the store was never ready goes after this long: its client never had it."""


class Store(Protocol):
    """An object store, as far as it is needed here."""

    @property
    def parts(self) -> PartedObjects:
        """Objects that come in parts."""
        ...

    def delete(self, key: str) -> None:
        """Remove an object; nothing happens where there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Upload:
    """An archive that comes in parts.

    Attributes:
        id: The upload's id.
        tenant: Whose upload.
        filename: For display only.
        size: Bytes of the whole, as the client announced them.
        sha256: Of the whole, in hexadecimal; None when the client did not say.
        part_size: Bytes of each part but the last.
        object_key: Where the object store keeps it once it is complete.
        token: The store's own name of it; empty while the store is not ready.
        status: Where it stands.
        job_id: The job that was made of it.
        created_at: Seconds since the epoch.
        completed_at: When its last part was in place.
        expires_at: When it goes, unless a job has it by then.
    """

    id: str
    tenant: str
    filename: str
    size: int
    sha256: str | None
    part_size: int
    object_key: str
    token: str
    status: UploadStatus
    job_id: str | None
    created_at: float
    completed_at: float | None
    expires_at: float

    @property
    def whole(self) -> Parted:
        """The upload as the store knows it."""
        return Parted(self.object_key, self.token, self.size, self.part_size)


_COLUMNS = [getattr(UploadRow, name) for name in Upload.__slots__ if name != "token"]


class Uploads:
    """Makes, reads and removes uploads."""

    def __init__(self, database: Database, limits: Limits) -> None:
        """Keep the database, and what each tenant may have."""
        self._database = database
        self._limits = limits

    def create(
        self,
        tenant: str,
        *,
        filename: str,
        size: int,
        sha256: str | None,
        part_size: int,
        seconds: float,
        most_held: int,
    ) -> Upload:
        """Make an upload, for which the store is not ready yet (see `ready`).

        Args:
            tenant: Whose upload.
            filename: For display.
            size: Bytes of the whole.
            sha256: Of the whole, where it is known.
            part_size: Bytes of each part but the last.
            seconds: How long it may take.
            most_held: Most uploads that the tenant may have which are not jobs.

        Raises:
            TooManyUploads: It has as many.
            StorageQuotaReached: It would have more bytes than it may.
        """
        upload_id = new_id()

        def work(connection: Connection) -> None:
            at = self._database.time(connection)
            insert_missing(connection, TenantRow, [{"id": tenant, "created_at": at}])
            # Two at once must not both be the last one.
            lock = (
                select(TenantRow.id).where(TenantRow.id == tenant).with_for_update(key_share=True)
            )
            connection.execute(lock)
            if _count(connection, tenant) >= most_held:
                raise TooManyUploads(
                    f"There are {most_held} uploads that are not jobs yet, the limit. Finish or "
                    "delete one of them."
                )
            values = {
                "id": upload_id,
                "tenant": tenant,
                "filename": filename,
                "size": size,
                "sha256": sha256,
                "part_size": part_size,
                "object_key": f"{tenant}/uploads/{upload_id}",
                "expires_at": at + seconds,
            }
            transitions.insert_upload(connection, at, values)
            enforce(connection, tenant, self._limits, queues_films=False)

        self._database.run(work)
        return self._one(UploadRow.id == upload_id)

    def ready(self, upload_id: str, token: str) -> Upload:
        """Say that the store takes parts.

        Raises:
            UploadNotFound: It was deleted meanwhile.
        """
        change = update(UploadRow).where(UploadRow.id == upload_id).values(token=token)
        self._database.run(lambda connection: connection.execute(change))
        return self.known(upload_id)

    def get(self, tenant: str, upload_id: str) -> Upload:
        """Get one upload of a tenant.

        Raises:
            UploadNotFound: There is none with this id, it has gone, or it is another tenant's.
        """
        return self._one(*self._visible(), UploadRow.id == upload_id, UploadRow.tenant == tenant)

    def known(self, upload_id: str) -> Upload:
        """Get an upload for somebody who has a link to it, whoever that is.

        Raises:
            UploadNotFound: There is none with this id, or it has gone.
        """
        return self._one(*self._visible(), UploadRow.id == upload_id)

    def page(self, tenant: str, *, limit: int, cursor: str | None = None) -> Page[Upload]:
        """List uploads, newest first.

        Args:
            tenant: Whose uploads.
            limit: Most of them.
            cursor: `next_cursor` of the page before.
        """
        query = self._select().where(*self._visible(), UploadRow.tenant == tenant)
        if cursor is not None:
            query = query.where(UploadRow.id < cursor)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(UploadRow.id.desc()).limit(limit + 1)).all()
        return make_page(rows, limit, _upload, lambda upload: upload.id)

    def held(self, tenant: str) -> int:
        """Count a tenant's uploads that are not jobs yet."""
        with self._database.read() as connection:
            return _count(connection, tenant)

    def begin_completing(self, tenant: str, upload_id: str, seconds: float) -> str | None:
        """Take an upload to put its parts together.

        Args:
            tenant: Whose upload.
            upload_id: Which upload.
            seconds: How long it is taken for, until `renew`.

        Returns:
            The lease; None when it is complete already.

        Raises:
            UploadNotFound: There is no such upload.
            UploadBusy: Another request is at it.
        """
        lease_id = new_id()

        def work(connection: Connection) -> bool:
            at = self._database.time(connection)
            return transitions.begin_completing_upload(
                connection, at, tenant, upload_id, lease_id, seconds
            )

        return lease_id if self._database.run(work) else None

    def renew(self, lease_id: str, seconds: float) -> bool:
        """Extend a lease; False when it is lost."""
        expires = self._database.now() + seconds
        change = update(UploadRow).where(UploadRow.lease_id == lease_id)
        extended = change.values(lease_expires_at=expires)
        return self._database.run(lambda c: bool(c.execute(extended).rowcount))

    def reopen(self, lease_id: str) -> None:
        """Let parts come again, after they could not be put together."""
        self._database.run(lambda c: transitions.reopen_upload(c, lease_id))

    def finish(self, lease_id: str, seconds: float) -> bool:
        """Say that the object is there.

        Args:
            lease_id: Under which it was put together.
            seconds: How long it waits for its job.

        Returns:
            False when the lease was lost.
        """

        def work(connection: Connection) -> bool:
            at = self._database.time(connection)
            return transitions.complete_upload(connection, at, lease_id, seconds)

        return self._database.run(work)

    def delete(self, tenant: str, upload_id: str, lease_id: str | None = None) -> None:
        """Let an upload be gone; the sweep removes what is left of it.

        Args:
            tenant: Whose upload.
            upload_id: Which upload.
            lease_id: Of the request that completes it, if that asks.

        Raises:
            UploadNotFound: There is no such upload.
            UploadBusy: A request is completing it.
            UploadUsed: A job has its object.
        """

        def work(connection: Connection) -> None:
            at = self._database.time(connection)
            transitions.begin_deleting_upload(connection, at, tenant, upload_id, lease_id)
            tell(connection, at, upload_id)

        self._database.run(work)

    def expire(self, limit: int) -> int:
        """Let uploads be gone whose time is over, at most `limit`; jobs keep what is theirs.

        Returns:
            The number of uploads.
        """
        now = self._database.now()
        stillborn = and_(
            UploadRow.token.is_(None), UPLOAD_HELD, UploadRow.created_at < now - STILLBORN_SECONDS
        )
        over = (
            select(UploadRow.id)
            .where(or_(UploadRow.expires_at <= now, stillborn))
            .where(UploadRow.status != UploadStatus.DELETING)
            .order_by(UploadRow.id)
            .limit(limit)
        )

        def work(connection: Connection) -> int:
            ids = connection.execute(over.with_for_update(skip_locked=True)).scalars().all()
            at = self._database.time(connection)
            return transitions.expire_uploads(connection, at, list(ids))

        with self._database.read() as connection:
            if connection.execute(over.limit(1)).first() is None:
                return 0
        return self._database.run(work)

    def remove(self, store: Store, limit: int = REMOVED_AT_ONCE) -> int:
        """Remove deleted uploads: first what the store has of them, then their rows.

        None goes while a backup is taken (`storage.backups`).

        Raises:
            StoreUnavailable: The store failed; what is left is tried again.

        Returns:
            The number of uploads removed.
        """
        query = select(UploadRow.id, UploadRow.object_key, UploadRow.job_id).where(
            UPLOAD_DELETING, no_backup(self._database)
        )
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(UploadRow.id).limit(limit)).all()
        for row in rows:
            store.parts.abort(row.object_key)
            if row.job_id is None:
                store.delete(row.object_key)
            self._database.run(partial(_forget, upload_id=row.id))
        return len(rows)

    def _visible(self) -> tuple[ColumnElement[bool], ...]:
        return (
            UploadRow.status != UploadStatus.DELETING,
            UploadRow.token.is_not(None),
            UploadRow.expires_at > self._database.now(),
        )

    def _select(self) -> AnySelect:
        return select(*_COLUMNS, func.coalesce(UploadRow.token, "").label("token"))

    def _one(self, *conditions: ColumnElement[bool]) -> Upload:
        query = self._select().where(*conditions)
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise UploadNotFound("There is no such upload; it may have expired.")
        return _upload(row)


def _upload(row: AnyRow) -> Upload:
    return Upload(**{name: row._mapping[name] for name in Upload.__slots__})


def _count(connection: Connection, tenant: str) -> int:
    query = select(func.count()).where(UploadRow.tenant == tenant, UPLOAD_HELD)
    return connection.execute(query).scalar_one()


def _forget(connection: Connection, upload_id: str) -> None:
    connection.execute(delete(UploadRow).where(UploadRow.id == upload_id, UPLOAD_DELETING))
