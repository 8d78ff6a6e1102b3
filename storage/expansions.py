"""Expansions: a worker unpacks a job's archive under a lease, slice by slice."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Connection, TextClause, case, func, or_, select, update

from lungline.domain import Priority, new_id
from storage import entries as entry_rows
from storage import items as item_rows
from storage import scheduling, transitions
from storage.backups import no_backup
from storage.columns import AnyRow
from storage.database import Database
from storage.entries import NewEntry
from storage.films import Restore, cannot_restore, new_bytes
from storage.intake.film import IntakenFilm
from storage.manifests import Line
from storage.manifests import rows as manifest_rows
from storage.models import JOB_ARCHIVE_SPENT, JOB_EXPANDING, JobRow, TenantRow
from storage.quotas import Limits, enforce_unpacked, has_room
from storage.tally import Tally
from storage.turns import Turns

_JOB = (
    JobRow.id,
    JobRow.tenant,
    JobRow.bundle,
    JobRow.total,
    JobRow.entries_seen,
    JobRow.manifest_key,
    JobRow.archive_size,
    JobRow.manifest_size,
)
_RELEASED = {"expand_lease_id": None, "expand_worker_id": None, "expand_lease_expires_at": None}

SPENT_AT_ONCE = 50


class Deletes(Protocol):
    """An object store, as far as it is needed here."""

    def delete(self, key: str) -> None:
        """Remove an object; nothing happens where there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Expansion:
    """An archive that one worker unpacks.

    Attributes:
        lease_id: The fencing token.
        job_id: The job.
        tenant: Whose archive.
        bundle: `name@version`.
        archive_key: Where the object store keeps it; None: it is none.
        archive_size: Its bytes.
        prefix: A folder outside the service in its place, as the client named it.
        from_job: Another job in its place, whose stored films are read again.
        manifest_key: Where the object store keeps what the client says of its films; None: nothing.
        manifest_size: Its bytes.
        manifest_offset: Bytes of it that are committed.
        manifest_line: Lines of it that are committed.
        cursor: Entries that earlier slices have committed; go on after them.
        offset: What the slice before gave as such.
        after: The same.
        attempts: Deaths of expanders since the last slice.
    """

    lease_id: str
    job_id: str
    tenant: str
    bundle: str
    archive_key: str | None
    archive_size: int | None
    prefix: str | None
    from_job: str | None
    manifest_key: str | None
    manifest_size: int | None
    manifest_offset: int
    manifest_line: int
    cursor: int
    offset: int | None
    after: str | None
    attempts: int


class Expansions:
    """Gives archives to expanders and takes their slices."""

    def __init__(self, database: Database, limits: Limits) -> None:
        """Keep the database, and what each tenant may have."""
        self._database = database
        self._limits = limits
        self._turns = Turns()

    def waiting(self) -> int:
        """Count the archives that a claim could take now."""
        query = select(func.count()).select_from(JobRow).where(*self._claimable())
        with self._database.read() as connection:
            return connection.execute(query).scalar_one()

    def claim(self, worker_id: str, lease_seconds: float) -> Expansion | None:
        """Take the archive whose turn it is, of those that wait; None when there is none.

        Priorities take turns as those of films do, then tenants, whatever their archives hold: one
        with a thousand of them, or of entries that are no films, holds up its own.
        """
        lease_id = new_id()
        # A turn in what is to come was taken before the clock was set back.
        late = TenantRow.expanded_at > self._database.now()
        waiting = (
            select(JobRow.id, JobRow.tenant, JobRow.priority)
            .join(TenantRow, TenantRow.id == JobRow.tenant)
            .where(*self._claimable())
            # Of a tenant's those of which least films wait, or one large archive would go before
            # all others.
            .order_by(
                scheduling.IN_TURN,
                case((late, 0.0), else_=TenantRow.expanded_at),
                JobRow.queued,
                JobRow.id,
            )
            .limit(1)
            .with_for_update(of=JobRow, skip_locked=True)
        )
        places = scheduling.turns(self._turns.order())

        def work(connection: Connection) -> tuple[Expansion, Priority] | None:
            found = connection.execute(waiting, places).first()
            if found is None:
                return None
            job_id, now = found.id, self._database.now()
            row = connection.execute(
                update(JobRow)
                .where(JobRow.id == job_id, JOB_EXPANDING)
                .values(
                    expand_lease_id=lease_id,
                    expand_worker_id=worker_id,
                    expand_lease_expires_at=now + lease_seconds,
                    started_at=func.coalesce(JobRow.started_at, now),
                )
                .returning(
                    JobRow.expand_lease_id,
                    JobRow.id,
                    JobRow.tenant,
                    JobRow.bundle,
                    JobRow.archive_key,
                    JobRow.archive_size,
                    JobRow.prefix,
                    JobRow.from_job,
                    JobRow.manifest_key,
                    JobRow.manifest_size,
                    JobRow.manifest_offset,
                    JobRow.manifest_line,
                    JobRow.entries_seen,
                    JobRow.archive_offset,
                    JobRow.archive_after,
                    JobRow.expand_attempts,
                )
            ).one()
            turn = update(TenantRow).where(TenantRow.id == found.tenant)
            connection.execute(turn.values(expanded_at=now))
            values: tuple[Any, ...] = tuple(row)
            return Expansion(*values), Priority(found.priority)

        claimed = self._database.run(work)
        if claimed is None:
            return None
        expansion, priority = claimed
        self._turns.count(priority)
        return expansion

    def _claimable(self) -> tuple[ColumnElement[bool] | TextClause, ...]:
        now = self._database.now()
        return (
            JOB_EXPANDING,
            JobRow.expand_lease_id.is_(None),
            ~JobRow.paused,
            or_(JobRow.expand_after.is_(None), JobRow.expand_after <= now),
            has_room(self._limits),
        )

    def renew(self, lease_id: str, lease_seconds: float) -> bool:
        """Extend a lease; False when it is lost or the job was cancelled."""
        expires = self._database.now() + lease_seconds
        change = update(JobRow).where(*_held(lease_id)).values(expand_lease_expires_at=expires)
        return self._database.run(lambda c: bool(c.execute(change).rowcount))

    def check(self, expansion: Expansion, films: Collection[IntakenFilm]) -> None:
        """Refuse films of an archive before they are stored, like `commit_slice`.

        Raises:
            StorageQuotaReached: With them the tenant would have more than it may.
        """
        if self._limits.stored_bytes is None:
            return
        with self._database.read() as connection:
            coming = new_bytes(connection, expansion.tenant, films)
            if coming:
                packed = _packed(expansion)
                enforce_unpacked(connection, expansion.tenant, self._limits, packed, coming)

    def commit_slice(
        self,
        lease_id: str,
        job_id: str,
        *,
        entries: Sequence[NewEntry],
        cursor: int,
        entries_total: int | None,
        offset: int | None = None,
        after: str | None = None,
        restore: Restore = cannot_restore,
    ) -> bool:
        """Insert the entries of a slice with their films and move the cursor, in one transaction.

        Args:
            lease_id: The expansion's lease.
            job_id: Its job.
            entries: Those of the slice.
            cursor: Entries seen so far, those of this slice being the last.
            entries_total: Entries of the archive; None while unknown.
            offset: Where the next entry begins, in an archive that is read as a stream.
            after: The last file, in a folder outside the service.
            restore: Stores films again that a deletion took away meanwhile.

        Raises:
            StorageQuotaReached: The tenant would have more bytes than it may; nothing was written.

        Returns:
            False when the lease is lost or the job was cancelled; then nothing was written.
        """
        change = (
            update(JobRow)
            .where(JobRow.id == job_id, *_held(lease_id))
            # A slice is progress: only deaths in a row count.
            .values(
                entries_seen=cursor,
                # Lines of a manifest that have no film follow the archive's entries.
                entries_total=None if entries_total is None else max(entries_total, cursor),
                archive_offset=offset,
                archive_after=after,
                expand_attempts=0,
            )
            .returning(*_JOB)
        )

        def work(connection: Connection) -> bool:
            job = connection.execute(change).one_or_none()
            if job is None:
                return False
            told = entries
            if job.manifest_key is not None:
                told = manifest_rows.join(connection, job_id, entries)
            self._add(connection, job, told, cursor, restore)
            return True

        return self._database.run(work)

    def commit_manifest(self, lease_id: str, job_id: str, lines: Sequence[Line]) -> bool:
        """Take over lines of a manifest, and remember where the next one begins.

        Args:
            lease_id: The expansion's lease.
            job_id: Its job.
            lines: At least one.

        Returns:
            False when the lease is lost or the job was cancelled; then nothing was written.
        """
        change = (
            update(JobRow)
            .where(JobRow.id == job_id, *_held(lease_id))
            .values(
                manifest_offset=lines[-1].offset, manifest_line=lines[-1].last, expand_attempts=0
            )
        )

        def work(connection: Connection) -> bool:
            if not connection.execute(change).rowcount:
                return False
            manifest_rows.add(connection, job_id, lines)
            return True

        return self._database.run(work)

    def commit_rest(self, lease_id: str, job_id: str, limit: int) -> int | None:
        """Account for the first lines of a manifest, once all films of the archive have come.

        Those that no film came for become entries, whose items are born failed.

        Args:
            lease_id: The expansion's lease.
            job_id: Its job.
            limit: Most lines.

        Returns:
            The number of lines; 0: all are done. None: the lease is lost or the job was cancelled.
        """

        def work(connection: Connection) -> int | None:
            held = select(JobRow.id).where(JobRow.id == job_id, *_held(lease_id))
            if connection.execute(held.with_for_update()).first() is None:
                return None
            count, entries = manifest_rows.take_rest(connection, job_id, limit)
            if entries:
                seen = JobRow.entries_seen + len(entries)
                change = update(JobRow).where(JobRow.id == job_id)
                values = {"entries_seen": seen, "entries_total": seen, "expand_attempts": 0}
                job = connection.execute(change.values(values).returning(*_JOB)).one()
                self._add(connection, job, entries, job.entries_seen, cannot_restore)
            return count

        return self._database.run(work)

    def listed(self, job_id: str, line: int, limit: int = 1_000) -> list[tuple[int, str]]:
        """List lines of a manifest behind one, with the names of the films; bad ones are left out.

        Args:
            job_id: The job.
            line: Number of the line before; 0: none.
            limit: Most lines.
        """
        with self._database.read() as connection:
            return manifest_rows.named_after(connection, job_id, line, limit)

    def _add(
        self,
        connection: Connection,
        job: AnyRow,
        entries: Sequence[NewEntry],
        cursor: int,
        restore: Restore,
    ) -> None:
        at = self._database.time(connection)
        tally = Tally()
        items = [entry.item for entry in entries if entry.item is not None]
        rows = item_rows.add(connection, at, job, items, job.total, tally, restore)
        entry_rows.add(connection, job.id, entries, rows, cursor - len(entries), tally)
        grows = tally.film_bytes[job.tenant] > 0
        transitions.settle(connection, at, tally)
        if grows:  # which holds the tenant's row, so that many at once do not overshoot together
            enforce_unpacked(connection, job.tenant, self._limits, _packed(job))

    def finish(
        self,
        lease_id: str,
        job_id: str,
        error: tuple[str, str] | None = None,
        *,
        keep: bool = True,
    ) -> bool:
        """End an expansion: the job runs on, or ends when nothing is left to read.

        Args:
            lease_id: The expansion's lease.
            job_id: Its job.
            error: Code (of `lungline.errors.JOB_CODES`) and reason why the archive could not be
                unpacked to its end; films that it gave before are read all the same.
            keep: Whether archive and manifest stay; else they go by `remove_spent`.

        Returns:
            False when the lease is lost or the job was cancelled.
        """

        def work(connection: Connection) -> bool:
            at = self._database.time(connection)
            return transitions.finish_expanding(
                connection, at, job_id, lease_id, error, spent=not keep
            )

        return self._database.run(work)

    def remove_spent(self, store: Deletes, limit: int = SPENT_AT_ONCE) -> int:
        """Remove archives and manifests that are kept no longer, at most `limit` jobs'.

        None goes while a backup is taken (`storage.backups`). One that begins as they go has their
        mark, and leaves them out; and no retry takes a mark back.

        Raises:
            StoreUnavailable: The store failed; what is left is tried again.

        Returns:
            The number of jobs.
        """
        query = select(JobRow.id, JobRow.archive_key, JobRow.manifest_key)
        with self._database.read() as connection:
            rows = connection.execute(
                query.where(JOB_ARCHIVE_SPENT, no_backup(self._database))
                .order_by(JobRow.id)
                .limit(limit)
            ).all()
        for row in rows:
            for key in filter(None, (row.archive_key, row.manifest_key)):
                store.delete(key)
            self._database.run(partial(_forget_archive, job_id=row.id))
        return len(rows)

    def hand_back(self, lease_id: str, aside_seconds: float = 0.0) -> bool:
        """Let another expander go on after the last slice. Counts no attempt.

        Args:
            lease_id: The expansion's lease.
            aside_seconds: How long others go before it, whatever their turn.
        """
        after = self._database.now() + aside_seconds if aside_seconds else None
        change = update(JobRow).where(*_held(lease_id)).values(**_RELEASED, expand_after=after)
        return self._database.run(lambda c: bool(c.execute(change).rowcount))


def _packed(job: Expansion | AnyRow) -> int:
    return (job.archive_size or 0) + (job.manifest_size or 0)


def _forget_archive(connection: Connection, job_id: str) -> None:
    gone = {"archive_key": None, "manifest_key": None, "archive_spent": False}
    connection.execute(update(JobRow).where(JobRow.id == job_id).values(**gone))


def _held(lease_id: str) -> tuple[ColumnElement[bool] | TextClause, ...]:
    return (JOB_EXPANDING, JobRow.expand_lease_id == lease_id)
