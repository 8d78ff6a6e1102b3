"""Jobs: the requests of clients."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, CursorResult, Double, bindparam, func, select
from sqlalchemy.exc import IntegrityError

from lungline.domain import JobStatus, Priority, first_id
from lungline.errors import ClientError, IdempotencyConflict, JobNotFound, WrongState
from storage import items as item_rows
from storage import transitions
from storage.audit import tell
from storage.clock import server_now
from storage.columns import AnyRow, AnySelect
from storage.common_terms import Bounds
from storage.database import Database
from storage.films import Restore, cannot_restore
from storage.items import NewItem
from storage.lineage import check_source
from storage.models import ITEM_QUEUED, JOB_RUNNABLE, ItemRow, JobRow, TenantRow
from storage.pages import Page, make_page
from storage.places import queue_position
from storage.quotas import Limits, enforce
from storage.sets import among
from storage.tally import Tally
from storage.terms import Condition, Kind, search
from storage.upserts import insert_missing

# Rows that one transaction changes at most; the sweep does the rest in as large chunks.
CHUNK_ROWS = 2_000
# Ids are made by the clock of the API, `created_at` by that of the database.
_CLOCKS_DIFFER_SECONDS = 3_600.0


@dataclass(frozen=True, slots=True)
class Job:
    """One request of a client.

    Attributes:
        id: The job's id.
        tenant: Whose job.
        name: What the client called it.
        metadata: As the client gave it.
        status: Where it stands.
        bundle: `name@version`, pinned at submit.
        priority: Which jobs come first.
        source: `films`, `archive`, `prefix` or `job`.
        from_job: The job whose stored films it reads again; it may be deleted.
        paused: Whether claims pass it by.
        total: Items so far; the next five add up to it.
        queued: Items that wait.
        running: Items under a worker's lease.
        succeeded: Items with a prediction.
        failed: Items with an error.
        cancelled: Items that nobody will read.
        reused: Those of `succeeded` that an earlier prediction answered.
        bytes: Stored bytes of its films.
        archive_key: Object key of the uploaded archive.
        archive_size: Bytes of the uploaded archive.
        entries_seen: Entries of the archive that are committed.
        entries_total: Entries of the archive; None while unknown.
        entries_accepted: Those of them that are films; the next three are the others.
        entries_duplicate: Films that an earlier entry held too.
        entries_ignored: Folders, and files that nobody means as films.
        entries_rejected: Those that cannot be read; their items are born failed.
        error_code: Why the job as a whole failed; a key of `lungline.errors.JOB_CODES`.
        error_reason: The same for people.
        created_at: Seconds since the epoch.
        started_at: When a worker first took something of it, an archive or a film.
        first_claim_at: When its first film was claimed: rates count from here.
        finished_at: When it ended.
        expires_at: When what then waits is given up; None: never.
        done_before: Films read before its latest retry, which the rate leaves out.
        films_read: Films that readers have brought to an end, in all runs.
        last_read_at: When the last of them was; None: none since the latest retry.
        pace_at: A moment of the last minute, see `storage.pace`.
        pace_read: Films read then.
        pace_before_at: One before that.
        pace_before_read: Films read then.
        position: Jobs that go before its first film, see `storage.places`; None: it does not wait.
        read_at: The server's time when this was read.
    """

    id: str
    tenant: str
    name: str
    metadata: dict[str, Any]
    status: JobStatus
    bundle: str
    priority: Priority
    source: str
    from_job: str | None
    paused: bool
    total: int
    queued: int
    running: int
    succeeded: int
    failed: int
    cancelled: int
    reused: int
    bytes: int
    archive_key: str | None
    archive_size: int | None
    entries_seen: int
    entries_total: int | None
    entries_accepted: int
    entries_duplicate: int
    entries_ignored: int
    entries_rejected: int
    error_code: str | None
    error_reason: str | None
    created_at: float
    started_at: float | None
    first_claim_at: float | None
    finished_at: float | None
    expires_at: float | None
    done_before: int | None
    films_read: int
    last_read_at: float | None
    pace_at: float | None
    pace_read: int | None
    pace_before_at: float | None
    pace_before_read: int | None
    position: int | None
    read_at: float


@dataclass(frozen=True, slots=True)
class Created:
    """A job that was asked for.

    Attributes:
        job: The job.
        replayed: Whether an earlier request with the same idempotency key had made it.
    """

    job: Job
    replayed: bool


_COMPUTED = {"metadata", "read_at", "position"}
_FIELDS = [field for field in Job.__slots__ if field not in _COMPUTED]
_THERE = JobRow.deleted_at.is_(None)


class Jobs:
    """Makes, reads and cancels jobs."""

    def __init__(self, database: Database, limits: Limits) -> None:
        """Keep the database, and what each tenant may have."""
        self._database = database
        self._limits = limits

    def create_with_films(
        self,
        tenant: str,
        *,
        job_id: str,
        name: str,
        metadata: Mapping[str, Any],
        bundle: str,
        priority: Priority,
        idempotency_key: str | None,
        request_hash: str | None,
        items: Sequence[NewItem],
        expires_in: float | None = None,
        restore: Restore = cannot_restore,
    ) -> Created:
        """Make a job of films that intake has taken in or refused, in one transaction.

        Items whose film the bundle has read before succeed at once; a job of such items only is
        finished when this returns.

        Args:
            tenant: Whose job.
            job_id: A new id.
            name: For display.
            metadata: JSON; given back unchanged.
            bundle: `name@version`.
            priority: Which jobs come first.
            idempotency_key: What the client sent as such.
            request_hash: Digest of the request, to tell a replay from a conflict.
            items: At least one.
            expires_in: Seconds after which queued films are given up; None: never.
            restore: Stores films again that a deletion took away meanwhile.

        Raises:
            IdempotencyConflict: The key was used with another request.
            QuotaExceeded: The tenant would have more than it may; nothing was kept.
            DatabaseUnavailable: The database does not answer; nothing was kept.
        """
        if not items:
            raise ValueError("A job of films needs at least one item")
        values = {
            **_new(tenant, job_id, name, metadata, bundle, priority),
            "expires_in": expires_in,
            "status": JobStatus.RUNNING,
            "source": "films",
            "idempotency_key": idempotency_key,
            "request_hash": request_hash,
        }
        return self._create(values, items, restore)

    def create_with_archive(
        self,
        tenant: str,
        *,
        job_id: str,
        name: str,
        metadata: Mapping[str, Any],
        bundle: str,
        priority: Priority,
        idempotency_key: str | None,
        request_hash: str | None,
        archive_key: str | None = None,
        archive_size: int | None = None,
        expires_in: float | None = None,
        upload_id: str | None = None,
        manifest: tuple[str, int] | None = None,
        prefix: str | None = None,
        from_job: str | None = None,
    ) -> Created:
        """Make a job of a stored archive, or of what stands for one; an expander will find it.

        Args:
            tenant: Whose job.
            job_id: A new id.
            name: For display.
            metadata: JSON; given back unchanged.
            bundle: `name@version`.
            priority: Which jobs come first.
            idempotency_key: What the client sent as such.
            request_hash: Digest of the request, to tell a replay from a conflict.
            archive_key: Where the object store keeps the archive; None: it is none.
            archive_size: Its bytes.
            expires_in: Seconds after which queued films are given up; None: never.
            upload_id: The complete upload that the archive is of; it goes over to the job.
            manifest: Object key and bytes of what the client says of the films.
            prefix: A folder outside the service, in place of an archive.
            from_job: Another job in its place, whose stored films are read again.

        Raises:
            IdempotencyConflict: The key was used with another request.
            UploadNotFound: There is no such upload.
            UploadIncomplete: It is not complete.
            UploadUsed: It went over to another job.
            JobNotFound: There is no such job whose films could be read again.
            SourceExpanding: It does not have all its films yet.
            QuotaExceeded: The tenant would have more than it may; nothing was kept.
            DatabaseUnavailable: The database does not answer; nothing was kept.
        """
        values = {
            **_new(tenant, job_id, name, metadata, bundle, priority),
            "expires_in": expires_in,
            "status": JobStatus.EXPANDING,
            "source": "prefix" if prefix else "job" if from_job else "archive",
            "prefix": prefix,
            "from_job": from_job,
            "idempotency_key": idempotency_key,
            "request_hash": request_hash,
            "archive_key": archive_key,
            "archive_size": archive_size,
            "manifest_key": manifest and manifest[0],
            "manifest_size": manifest and manifest[1],
        }
        return self._create(values, (), cannot_restore, upload_id)

    def get(self, tenant: str, job_id: str) -> Job:
        """Get one job; reads one row, however many films it has.

        Raises:
            JobNotFound: There is none with this id, or it is another tenant's.
        """
        with self._database.read() as connection:
            row = self._one(connection, tenant, job_id).one_or_none()
        if row is None:
            raise JobNotFound(f"There is no job {job_id!r}.")
        return _job(row)

    def some(self, job_ids: Sequence[str]) -> dict[str, Job]:
        """Get jobs of any tenants by their ids; what is not there is left out."""
        asked = {"jobs": job_ids, "clock_offset": self._database.clock_offset}
        with self._database.read() as connection:
            return {row.id: _job(row) for row in connection.execute(_SOME, asked)}

    def page(
        self,
        tenant: str,
        *,
        limit: int,
        cursor: str | None = None,
        status: JobStatus | None = None,
        name: str | None = None,
        from_job: str | None = None,
        created_after: float | None = None,
        metadata: Collection[Condition] = (),
    ) -> Page[Job]:
        """List jobs, newest first; pages by metadata may be short, see `Items.find`.

        Args:
            tenant: Whose jobs.
            limit: Most jobs to list.
            cursor: `next_cursor` of the page before.
            status: Only jobs with this status.
            name: Only jobs that are called exactly so.
            from_job: Only jobs that read the films of this one again.
            created_after: Only jobs that were made after it, in seconds since the epoch.
            metadata: Only jobs whose metadata has all of these, see `storage.terms`.
        """
        conditions = [JobRow.tenant == tenant, _THERE]
        if status is not None:
            conditions.append(JobRow.status == status)
        if name is not None:
            conditions.append(JobRow.name == name)
        if from_job is not None:
            conditions.append(JobRow.from_job == from_job)
        with self._database.read() as connection:
            lead = name is None and from_job is None
            found = search(connection, Kind.JOB, tenant, JobRow.id, metadata, lead=lead)
            bounds = Bounds(below=cursor)
            if created_after is not None:
                conditions.append(JobRow.created_at > created_after)
                bounds = bounds._replace(least=_first_made_after(created_after))
            page, rest = found.page(conditions, bounds, limit + 1)
            query = self._select().where(JobRow.id.in_(page)).order_by(JobRow.id.desc())
            rows = connection.execute(query).all()
        return make_page(rows, limit, _job, lambda job: job.id, rest)

    def by_idempotency_key(self, tenant: str, key: str) -> Job | None:
        """Find the job that an earlier request with this key made."""
        with self._database.read() as connection:
            found = self._keyed(connection, tenant, key)
        return None if found is None else found[0]

    def replay(self, tenant: str, key: str | None, request_hash: str | None) -> Created | None:
        """Find the job of an earlier request that this one repeats, before anything is stored.

        Raises:
            IdempotencyConflict: The key was used with another request.
        """
        if key is None:
            return None
        with self._database.read() as connection:
            found = self._keyed(connection, tenant, key)
        return None if found is None else _replay(*found, request_hash)

    def cancel(self, tenant: str, job_id: str, *, keep: bool = True) -> Job:
        """Stop a job: claims stop at once, running films are read to their end.

        Up to `CHUNK_ROWS` queued films are cancelled now, the rest by the sweep.

        Args:
            tenant: Whose job.
            job_id: Which job.
            keep: Whether archive and manifest stay that are not expanded to their end; else they
                go by `Expansions.remove_spent`.

        Raises:
            JobNotFound: There is no such job.
            WrongState: The job has ended otherwise.
        """

        def begin(connection: Connection) -> None:
            at = self._database.time(connection)
            transitions.begin_cancelling(connection, at, tenant, job_id, keep=keep)

        self._database.run(begin)
        job = self.get(tenant, job_id)
        if job.status is JobStatus.CANCELLING:
            self.drain(job_id)
            return self.get(tenant, job_id)
        if job.status is not JobStatus.CANCELLED:
            raise WrongState(f"The job has ended ({job.status}); there is nothing to cancel.")
        return job

    def drain(self, job_id: str, limit: int = CHUNK_ROWS) -> int:
        """Cancel queued films of a job that is being cancelled, and end it with the last.

        Returns:
            The number of films cancelled.
        """

        def work(connection: Connection) -> int:
            at = self._database.time(connection)
            tally = Tally()
            ids = transitions.lock_items(
                connection, ItemRow.job_id == job_id, ITEM_QUEUED, limit=limit
            )
            count = transitions.cancel_items(connection, at, ids, tally)
            transitions.settle(connection, at, tally)
            transitions.end_if_drained(connection, at, job_id)
            return count

        return self._database.run(work)

    def queued_films(self) -> int:
        """Count the films that a claim could take now, from the counters of runnable jobs."""
        query = select(func.coalesce(func.sum(JobRow.queued), 0)).where(JOB_RUNNABLE)
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one())

    def _create(
        self,
        values: dict[str, Any],
        items: Sequence[NewItem],
        restore: Restore,
        upload_id: str | None = None,
    ) -> Created:
        tenant, key = values["tenant"], values["idempotency_key"]

        def work(connection: Connection) -> Created:
            found = None if key is None else self._keyed(connection, tenant, key)
            if found is not None:
                return _replay(*found, values["request_hash"])
            if upload_id is not None:
                transitions.use_upload(connection, tenant, upload_id, values["id"])
            if values.get("from_job") is not None:
                check_source(connection, tenant, values["from_job"])
            transitions.keep_bundle(connection, values["bundle"])
            job = self._insert(connection, values, items, restore)
            tell(connection, job.created_at, job.id)
            enforce(connection, tenant, self._limits, queues_films=job.queued > 0)
            return Created(job, replayed=False)

        try:
            return self._database.run(work)
        except (IntegrityError, ClientError):
            # Two requests with one key at once: the other one was first. It has used the upload
            # too, so that this one may have been refused before it came to the key.
            earlier = self.replay(tenant, key, values["request_hash"])
            if earlier is None:
                raise
            return earlier

    def _insert(
        self,
        connection: Connection,
        values: dict[str, Any],
        items: Sequence[NewItem],
        restore: Restore,
    ) -> Job:
        at = self._database.time(connection)
        tenant = {"id": values["tenant"], "created_at": at}
        insert_missing(connection, TenantRow, [tenant])
        columns = {name: value for name, value in values.items() if name != "expires_in"}
        if values["expires_in"] is not None:
            columns["expires_at"] = at + values["expires_in"]
        transitions.insert_job(connection, at, columns)
        tally = Tally()
        if items:
            job = _job(self._one(connection, values["tenant"], values["id"]).one())
            item_rows.add(connection, at, job, items, 0, tally, restore)
        transitions.settle(connection, at, tally)
        return _job(self._one(connection, values["tenant"], values["id"]).one())

    def _keyed(
        self, connection: Connection, tenant: str, key: str
    ) -> tuple[Job, str | None] | None:
        query = self._select().add_columns(JobRow.request_hash)
        row = connection.execute(
            query.where(JobRow.tenant == tenant, JobRow.idempotency_key == key)
        ).one_or_none()
        return None if row is None else (_job(row), row.request_hash)

    def _one(
        self, connection: Connection, tenant: str, job_id: str
    ) -> CursorResult[*tuple[Any, ...]]:
        asked = {"job": job_id, "of": tenant, "clock_offset": self._database.clock_offset}
        return connection.execute(_ONE, asked)

    def _select(self) -> AnySelect:
        return _columns(self._database.now())


def _columns(now: ColumnElement[float]) -> AnySelect:
    return select(
        *(getattr(JobRow, field) for field in _FIELDS),
        JobRow.client_metadata.label("metadata"),
        queue_position().label("position"),
        now.label("read_at"),
    )


# Built once: everybody who waits for a job looks at it again and again, and to build this takes
# longer than to run it.
_JOBS = _columns(server_now() + bindparam("clock_offset", type_=Double())).where(_THERE)
_ONE = _JOBS.where(JobRow.id == bindparam("job"), JobRow.tenant == bindparam("of"))
_SOME = _JOBS.where(among(JobRow.id, "jobs"))


def _first_made_after(at: float) -> str:
    """The least id of jobs made after a time: ids begin with it, so their index leads there."""
    return first_id(max(0, int((at - _CLOCKS_DIFFER_SECONDS) * 1000)))


def _new(
    tenant: str,
    job_id: str,
    name: str,
    metadata: Mapping[str, Any],
    bundle: str,
    priority: Priority,
) -> dict[str, Any]:
    return {
        "id": job_id,
        "tenant": tenant,
        "name": name,
        "client_metadata": dict(metadata),
        "bundle": bundle,
        "priority": int(priority),
    }


def _job(row: AnyRow) -> Job:
    values = {field: row._mapping[field] for field in Job.__slots__}
    values["priority"] = Priority(values["priority"])
    return Job(**values)


def _replay(job: Job, known_hash: str | None, request_hash: str | None) -> Created:
    if known_hash != request_hash:
        raise IdempotencyConflict(
            "This Idempotency-Key was used with another request; use a new key for a new request."
        )
    return Created(job, replayed=True)
