"""The tables. Every status change and counter goes through `storage.transitions`."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Double,
    ForeignKey,
    Index,
    MetaData,
    TextClause,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from lungline.domain import (
    BundleStatus,
    DeliveryStatus,
    EntryOutcome,
    ExportFormat,
    ExportStatus,
    ItemStatus,
    JobStatus,
    UploadStatus,
)
from storage.columns import ID, ROW_NUMBER, PlainText, status_type

# Predicates of the partial indexes. Queries repeat them word by word with constants in them: with a
# bound parameter neither planner can know that the index applies.
ITEM_QUEUED = text("items.status = 'queued'")
ITEM_RUNNING = text("items.status = 'running'")
ITEM_FAILED = text("items.status = 'failed'")
JOB_RUNNABLE = text(
    "jobs.queued > 0 AND NOT jobs.paused AND jobs.status IN ('expanding', 'running')"
)
JOB_OPEN = text("jobs.status IN ('receiving', 'expanding', 'running', 'cancelling')")
JOB_EXPANDING = text("jobs.status = 'expanding'")
JOB_LIVE = text("jobs.status IN ('running', 'cancelling')")
JOB_EXPIRING = text(
    "jobs.expires_at IS NOT NULL AND jobs.status IN ('receiving', 'expanding', 'running')"
)
JOB_RETRIED = text("jobs.retry_before IS NOT NULL")
JOB_DELETED = text("jobs.deleted_at IS NOT NULL")
JOB_WITH_ARCHIVE = text("(jobs.archive_key IS NOT NULL OR jobs.manifest_key IS NOT NULL)")
JOB_ARCHIVE_SPENT = text("jobs.archive_spent")
FILM_DELETING = text("films.deleting_at IS NOT NULL")
FILM_KEPT = text("films.deleting_at IS NULL AND films.dropped_at IS NULL")
FILM_GOING = text("(films.deleting_at IS NOT NULL OR films.dropped_at IS NOT NULL)")
FILM_DROPPED = text("films.dropped_at IS NOT NULL AND films.purged_at IS NULL")
UPLOAD_HELD = text("uploads.status IN ('open', 'completing', 'complete')")
DELIVERY_PENDING = text("deliveries.status = 'pending'")
UPLOAD_DELETING = text("uploads.status = 'deleting'")
EXPORT_QUEUED = text("exports.status = 'queued'")
EXPORT_RUNNING = text("exports.status = 'running'")
EXPORT_DELETING = text("exports.status = 'deleting'")


def predicate_of(predicate: TextClause, alias: str) -> TextClause:
    """The predicate of an index of `jobs`, for an alias of the table."""
    return text(predicate.text.replace("jobs.", f"{alias}."))


NAMING = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}


class Base(DeclarativeBase):
    """Common settings of the tables. Times are seconds since the epoch, by the server's clock."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012  # SQLAlchemy's own declaration
        str: PlainText(),
        float: Double(),
        BundleStatus: status_type(BundleStatus),
        DeliveryStatus: status_type(DeliveryStatus),
        EntryOutcome: status_type(EntryOutcome),
        ExportFormat: status_type(ExportFormat),
        ExportStatus: status_type(ExportStatus),
        ItemStatus: status_type(ItemStatus),
        JobStatus: status_type(JobStatus),
        UploadStatus: status_type(UploadStatus),
        dict[str, Any]: JSON(none_as_null=True),
        list[Any]: JSON(none_as_null=True),
    }


def _partial(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    condition = text(where)
    return Index(name, *columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


class TenantRow(Base):
    """Whose data it is."""

    __tablename__ = "tenants"

    id: Mapped[str] = mapped_column(PlainText(64), primary_key=True)
    weight: Mapped[float] = mapped_column(default=1.0)
    vtime: Mapped[float] = mapped_column(default=0.0)
    film_bytes: Mapped[int] = mapped_column(BigInteger, default=0, server_default=text("0"))
    expanded_at: Mapped[float] = mapped_column(default=0.0, server_default=text("0"))
    created_at: Mapped[float]


class ApiKeyRow(Base):
    """A key of a tenant; of its secret only the hash is kept."""

    __tablename__ = "api_keys"
    __table_args__ = (Index("ix_api_keys_tenant_id", "tenant", "id"),)

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    tenant: Mapped[str] = mapped_column(PlainText(64), ForeignKey("tenants.id"))
    name: Mapped[str]
    secret_hash: Mapped[str] = mapped_column(PlainText(64))
    scopes: Mapped[list[Any]]
    created_at: Mapped[float]
    expires_at: Mapped[float | None]
    revoked_at: Mapped[float | None]
    last_used_at: Mapped[float | None]


class AuditRow(Base):
    """Who did what; rows are only ever added, and outlive what they tell of."""

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_tenant_id", "tenant", "id"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(ROW_NUMBER, primary_key=True, autoincrement=True)
    at: Mapped[float]
    tenant: Mapped[str] = mapped_column(PlainText(64))
    key_id: Mapped[str | None] = mapped_column(ID)
    action: Mapped[str] = mapped_column(PlainText(32))
    target: Mapped[str | None] = mapped_column(PlainText(64))
    request_id: Mapped[str] = mapped_column(PlainText(64))


class FilmRow(Base):
    """A stored picture; it owns the object under `object_key`."""

    __tablename__ = "films"
    __table_args__ = (
        UniqueConstraint("tenant", "sha256"),
        _partial("ix_films_deleting_at", "deleting_at", where="deleting_at IS NOT NULL"),
        _partial(
            "ix_films_used_at",
            "tenant",
            "used_at",
            where="deleting_at IS NULL AND dropped_at IS NULL",
        ),
        _partial("ix_films_dropped_at", "id", where="dropped_at IS NOT NULL AND purged_at IS NULL"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    tenant: Mapped[str] = mapped_column(PlainText(64), ForeignKey("tenants.id"))
    sha256: Mapped[str] = mapped_column(PlainText(64))
    object_key: Mapped[str]
    format: Mapped[str] = mapped_column(PlainText(16))
    width: Mapped[int]
    height: Mapped[int]
    size: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[float]
    # When it was last in use, as far as the sweep knows: it looks again before it drops the film.
    used_at: Mapped[float] = mapped_column(default=0.0, server_default=text("0"))
    deleting_at: Mapped[float | None]  # no item has it: its object may be gone at any time
    dropped_at: Mapped[float | None]  # only its findings are kept: the same of its object
    purged_at: Mapped[float | None]  # its object is gone


class JobRow(Base):
    """One request of a client, with the counters of its items."""

    __tablename__ = "jobs"
    __table_args__ = (
        UniqueConstraint("tenant", "idempotency_key"),
        CheckConstraint(
            "queued >= 0 AND running >= 0 AND succeeded >= 0 AND failed >= 0 AND cancelled >= 0"
            " AND queued + running + succeeded + failed + cancelled = total",
            name="counters",
        ),
        Index("ix_jobs_tenant_id", "tenant", "id"),
        Index("ix_jobs_name", "tenant", "name", "id"),
        _partial("ix_jobs_from_job", "tenant", "from_job", "id", where="from_job IS NOT NULL"),
        _partial(
            "ix_jobs_runnable",
            "priority",
            "tenant",
            "vtime",
            where="queued > 0 AND NOT paused AND status IN ('expanding', 'running')",
        ),
        _partial(
            "ix_jobs_open",
            "tenant",
            where="status IN ('receiving', 'expanding', 'running', 'cancelling')",
        ),
        _partial("ix_jobs_expanding", "priority", "id", where="status = 'expanding'"),
        _partial("ix_jobs_live", "id", where="status IN ('running', 'cancelling')"),
        _partial(
            "ix_jobs_expires_at",
            "expires_at",
            where="expires_at IS NOT NULL AND status IN ('receiving', 'expanding', 'running')",
        ),
        _partial("ix_jobs_archive_spent", "id", where="archive_spent"),
        _partial("ix_jobs_deleted_at", "id", where="deleted_at IS NOT NULL"),
        _partial(
            "ix_jobs_archive_key",
            "tenant",
            "id",
            where="archive_key IS NOT NULL OR manifest_key IS NOT NULL",
        ),
        _partial("ix_jobs_retry_before", "id", where="retry_before IS NOT NULL"),
        _partial("ix_jobs_expand_lease_id", "expand_lease_id", where="expand_lease_id IS NOT NULL"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    tenant: Mapped[str] = mapped_column(PlainText(64), ForeignKey("tenants.id"))
    name: Mapped[str]
    client_metadata: Mapped[dict[str, Any]]
    status: Mapped[JobStatus]
    bundle: Mapped[str] = mapped_column(PlainText(128))
    priority: Mapped[int]
    source: Mapped[str] = mapped_column(PlainText(16))
    paused: Mapped[bool] = mapped_column(default=False)
    weight: Mapped[float] = mapped_column(default=1.0)
    vtime: Mapped[float] = mapped_column(default=0.0)
    idempotency_key: Mapped[str | None] = mapped_column(PlainText(255))
    request_hash: Mapped[str | None] = mapped_column(PlainText(128))
    total: Mapped[int] = mapped_column(default=0)
    queued: Mapped[int] = mapped_column(default=0)
    running: Mapped[int] = mapped_column(default=0)
    succeeded: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    cancelled: Mapped[int] = mapped_column(default=0)
    reused: Mapped[int] = mapped_column(default=0)
    bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    archive_key: Mapped[str | None]
    archive_size: Mapped[int | None] = mapped_column(BigInteger)
    archive_offset: Mapped[int | None] = mapped_column(BigInteger)  # where the next entry begins
    archive_after: Mapped[str | None]  # the last file of a folder, see `storage.sources`
    # Its archive and manifest are kept no longer: they are about to go.
    archive_spent: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    prefix: Mapped[str | None]
    from_job: Mapped[str | None] = mapped_column(ID)  # whose films it reads; may be deleted before
    manifest_key: Mapped[str | None]
    manifest_size: Mapped[int | None] = mapped_column(BigInteger)
    # How far the manifest is taken over into its table.
    manifest_offset: Mapped[int] = mapped_column(BigInteger, default=0, server_default=text("0"))
    manifest_line: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    entries_seen: Mapped[int] = mapped_column(default=0)
    entries_total: Mapped[int | None]
    entries_accepted: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    entries_duplicate: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    entries_ignored: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    entries_rejected: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    expand_attempts: Mapped[int] = mapped_column(default=0)
    expand_lease_id: Mapped[str | None] = mapped_column(ID)
    expand_worker_id: Mapped[str | None] = mapped_column(PlainText(128))
    expand_lease_expires_at: Mapped[float | None]
    expand_after: Mapped[float | None]
    error_code: Mapped[str | None] = mapped_column(PlainText(64))
    error_reason: Mapped[str | None]
    created_at: Mapped[float]
    started_at: Mapped[float | None]
    first_claim_at: Mapped[float | None]
    finished_at: Mapped[float | None]
    expires_at: Mapped[float | None]
    # Items that failed until then go back to the queue; the job does not end before they have.
    retry_before: Mapped[float | None]
    done_before: Mapped[int | None]
    deleted_at: Mapped[float | None]
    # See `storage.pace`.
    films_read: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    last_read_at: Mapped[float | None]
    pace_at: Mapped[float | None]
    pace_read: Mapped[int | None]
    pace_before_at: Mapped[float | None]
    pace_before_read: Mapped[int | None]


class PredictionRow(Base):
    """The findings of one film by one bundle; the first that is written stays."""

    __tablename__ = "predictions"
    __table_args__ = (UniqueConstraint("film_id", "bundle"),)

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    film_id: Mapped[str] = mapped_column(ID, ForeignKey("films.id"))
    bundle: Mapped[str] = mapped_column(PlainText(128))
    runtime: Mapped[str] = mapped_column(PlainText(32))
    top_label: Mapped[str] = mapped_column(PlainText(128))
    findings: Mapped[list[Any]]
    in_distribution: Mapped[bool | None]
    flags: Mapped[list[Any]]
    lungs: Mapped[dict[str, Any]]
    region: Mapped[list[Any]]
    activation: Mapped[list[Any]]
    mask_key: Mapped[str | None]
    view_key: Mapped[str | None]
    created_at: Mapped[float]
    dropped_at: Mapped[float | None]  # its mask and its view went with the film's pixels


class ItemRow(Base):
    """One film of a job. While it runs, the lease says who may write its result."""

    __tablename__ = "items"
    __table_args__ = (
        UniqueConstraint("job_id", "seq"),
        _partial("ix_items_film_id", "film_id", where="film_id IS NOT NULL"),
        _partial("ix_items_prediction_id", "prediction_id", where="prediction_id IS NOT NULL"),
        _partial(
            "ix_items_external_id", "tenant", "external_id", "id", where="external_id IS NOT NULL"
        ),
        _partial("ix_items_study", "tenant", "study_hash", "id", where="study_hash IS NOT NULL"),
        _partial("ix_items_queued", "job_id", "seq", where="status = 'queued'"),
        _partial("ix_items_failed", "job_id", "seq", where="status = 'failed'"),
        _partial("ix_items_error_code", "error_code", where="status = 'failed'"),
        _partial("ix_items_lease_id", "lease_id", where="status = 'running'"),
        _partial("ix_items_worker_id", "worker_id", where="status = 'running'"),
        _partial("ix_items_lease_expires_at", "lease_expires_at", where="status = 'running'"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    job_id: Mapped[str] = mapped_column(ID, ForeignKey("jobs.id"))
    seq: Mapped[int]
    tenant: Mapped[str] = mapped_column(PlainText(64))
    name: Mapped[str]
    film_id: Mapped[str | None] = mapped_column(ID, ForeignKey("films.id"))
    prediction_id: Mapped[str | None] = mapped_column(ID, ForeignKey("predictions.id"))
    status: Mapped[ItemStatus]
    error_code: Mapped[str | None] = mapped_column(PlainText(64))
    error_reason: Mapped[str | None]
    attempt: Mapped[int] = mapped_column(default=0)
    alone: Mapped[bool] = mapped_column(default=False)
    reused: Mapped[bool] = mapped_column(default=False)
    worker_id: Mapped[str | None] = mapped_column(PlainText(128))
    lease_id: Mapped[str | None] = mapped_column(ID)
    lease_expires_at: Mapped[float | None]
    lease_ends_at: Mapped[float | None]
    created_at: Mapped[float]
    started_at: Mapped[float | None]
    finished_at: Mapped[float | None]
    attempts_before: Mapped[int | None]  # its latest retry
    duplicate_of: Mapped[str | None] = mapped_column(ID)  # the job's first item of the same film
    # What the client said of the film, see `storage.external`.
    external_id: Mapped[str | None] = mapped_column(PlainText(200))
    client_metadata: Mapped[dict[str, Any] | None]
    study_hash: Mapped[str | None] = mapped_column(PlainText(32))  # see `storage.intake.identity`
    patient_hash: Mapped[str | None] = mapped_column(PlainText(32))


class TermRow(Base):
    """That a job or an item has a value in its metadata, see `storage.terms`."""

    __tablename__ = "terms"
    __table_args__ = (Index("ix_terms_owner_id", "owner_id"), {"sqlite_with_rowid": False})

    digest: Mapped[str] = mapped_column(ID, primary_key=True)
    owner_id: Mapped[str] = mapped_column(ID, primary_key=True)  # a job or an item


class EntryRow(Base):
    """One entry of a job's archive; its item, where it has one, says the rest."""

    __tablename__ = "entries"
    __table_args__ = (
        Index("ix_entries_outcome", "job_id", "outcome", "seq"),
        _partial(
            "ix_entries_film_id", "job_id", "film_id", where="film_id IS NOT NULL", unique=True
        ),
    )

    job_id: Mapped[str] = mapped_column(ID, ForeignKey("jobs.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str]
    outcome: Mapped[EntryOutcome]
    # No foreign keys: each would need an index, and entries go with their job in any case.
    item_id: Mapped[str | None] = mapped_column(ID)
    film_id: Mapped[str | None] = mapped_column(ID)  # of an accepted one: duplicates are told by it
    size: Mapped[int | None] = mapped_column(BigInteger)
    sha256: Mapped[str | None] = mapped_column(PlainText(64))


class ManifestRow(Base):
    """One line of a job's manifest, until its film has come or is known to be missing."""

    __tablename__ = "manifest_lines"
    __table_args__ = (
        _partial("ix_manifest_lines_key", "job_id", "key", where="key IS NOT NULL", unique=True),
    )

    job_id: Mapped[str] = mapped_column(ID, ForeignKey("jobs.id"), primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    key: Mapped[str | None] = mapped_column(ID)  # of the name; None where there is a problem
    name: Mapped[str]
    external_id: Mapped[str | None] = mapped_column(PlainText(200))
    client_metadata: Mapped[dict[str, Any] | None]
    error_code: Mapped[str | None] = mapped_column(PlainText(64))
    error_reason: Mapped[str | None]
    found: Mapped[bool] = mapped_column(default=False)


class UploadRow(Base):
    """An archive that comes in parts; it owns the object under `object_key` until a job does."""

    __tablename__ = "uploads"
    __table_args__ = (
        Index("ix_uploads_tenant_id", "tenant", "id"),
        Index("ix_uploads_expires_at", "expires_at"),
        _partial("ix_uploads_held", "tenant", where="status IN ('open', 'completing', 'complete')"),
        _partial("ix_uploads_deleting", "id", where="status = 'deleting'"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    tenant: Mapped[str] = mapped_column(PlainText(64), ForeignKey("tenants.id"))
    filename: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str | None] = mapped_column(PlainText(64))
    part_size: Mapped[int] = mapped_column(BigInteger)
    object_key: Mapped[str]
    token: Mapped[str | None]  # None until the store is ready for parts
    status: Mapped[UploadStatus]
    lease_id: Mapped[str | None] = mapped_column(ID)  # of the request that completes it
    lease_expires_at: Mapped[float | None]
    job_id: Mapped[str | None] = mapped_column(ID)  # the job may be deleted before
    created_at: Mapped[float]
    completed_at: Mapped[float | None]
    expires_at: Mapped[float]


class UsageRow(Base):
    """What a tenant submitted in a month; it stays when the jobs go."""

    __tablename__ = "usage"

    tenant: Mapped[str] = mapped_column(PlainText(64), ForeignKey("tenants.id"), primary_key=True)
    month: Mapped[str] = mapped_column(PlainText(7), primary_key=True)  # `2026-01`, UTC
    films: Mapped[int] = mapped_column(BigInteger)
    bytes: Mapped[int] = mapped_column(BigInteger)


class RemovalRow(Base):
    """How many of a kind retention has removed, ever."""

    __tablename__ = "removals"

    kind: Mapped[str] = mapped_column(PlainText(24), primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger)


class PartFailureRow(Base):
    """How often processes of a role found that a part did not answer, ever."""

    __tablename__ = "part_failures"

    role: Mapped[str] = mapped_column(PlainText(24), primary_key=True)
    code: Mapped[str] = mapped_column(PlainText(64), primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger)


class SweepRow(Base):
    """When a sweep last ended; the only row has the id 1."""

    __tablename__ = "sweeps"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    ended_at: Mapped[float]


class BackupRow(Base):
    """A backup that is being taken; it is in no backup itself."""

    __tablename__ = "backups"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    expires_at: Mapped[float]


class ExportRow(Base):
    """Results of an ended job as one object, which it owns under `object_key`."""

    __tablename__ = "exports"
    __table_args__ = (
        Index("ix_exports_tenant_id", "tenant", "id"),
        Index("ix_exports_job_id", "job_id"),
        Index("ix_exports_expires_at", "expires_at"),
        _partial("ix_exports_queued", "id", where="status = 'queued'"),
        _partial("ix_exports_running", "id", where="status = 'running'"),
        _partial("ix_exports_deleting", "id", where="status = 'deleting'"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    tenant: Mapped[str] = mapped_column(PlainText(64), ForeignKey("tenants.id"))
    job_id: Mapped[str] = mapped_column(ID)  # the job may go before
    job_finished_at: Mapped[float]  # another one after a retry: then it is out of date
    format: Mapped[ExportFormat]
    status: Mapped[ExportStatus]
    object_key: Mapped[str | None]
    worker_id: Mapped[str | None] = mapped_column(PlainText(128))
    lease_id: Mapped[str | None] = mapped_column(ID)
    lease_expires_at: Mapped[float | None]
    attempts: Mapped[int] = mapped_column(default=0)
    items_done: Mapped[int] = mapped_column(default=0)
    items_total: Mapped[int]
    size: Mapped[int | None] = mapped_column(BigInteger)
    sha256: Mapped[str | None] = mapped_column(PlainText(64))
    error_code: Mapped[str | None] = mapped_column(PlainText(64))
    error_reason: Mapped[str | None]
    created_at: Mapped[float]
    started_at: Mapped[float | None]
    finished_at: Mapped[float | None]
    expires_at: Mapped[float]


class FailureRow(Base):
    """How an item failed before it was retried."""

    __tablename__ = "failures"

    item_id: Mapped[str] = mapped_column(ID, ForeignKey("items.id"), primary_key=True)
    attempt: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    error_code: Mapped[str] = mapped_column(PlainText(64))
    error_reason: Mapped[str | None]
    finished_at: Mapped[float | None]
    retried_at: Mapped[float]


class EventRow(Base):
    """What happened to a job, in order; webhooks read on from an id they know.

    All tenants share the ids, so no client sees one: it could count what others do.
    """

    __tablename__ = "events"
    # AUTOINCREMENT: an id is never given twice, or a webhook would miss the second.
    __table_args__ = (Index("ix_events_job_id", "job_id", "id"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(ROW_NUMBER, primary_key=True, autoincrement=True)
    at: Mapped[float]
    type: Mapped[str] = mapped_column(PlainText(32))
    tenant: Mapped[str] = mapped_column(PlainText(64))
    job_id: Mapped[str] = mapped_column(ID, ForeignKey("jobs.id"))


class BundleRow(Base):
    """A model bundle that was added while the service ran; it owns the objects of its files.

    The row stays when they are removed: predictions carry its key, so no other weights may.
    """

    __tablename__ = "bundles"

    key: Mapped[str] = mapped_column(PlainText(128), primary_key=True)  # name@version
    name: Mapped[str] = mapped_column(PlainText(64))
    version: Mapped[str] = mapped_column(PlainText(64))
    checksum: Mapped[str] = mapped_column(PlainText(64))
    manifest: Mapped[dict[str, Any]]
    card: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[BundleStatus]
    created_at: Mapped[float]


class ActiveBundleRow(Base):
    """Which version a name of a bundle means; the default is what jobs get that name none."""

    __tablename__ = "active_bundles"

    name: Mapped[str] = mapped_column(PlainText(64), primary_key=True)
    version: Mapped[str] = mapped_column(PlainText(64))
    is_default: Mapped[bool]


class WebhookRow(Base):
    """An endpoint that is told of a tenant's events; its secrets sign what it is told."""

    __tablename__ = "webhooks"
    __table_args__ = (Index("ix_webhooks_tenant_id", "tenant", "id"),)

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    tenant: Mapped[str] = mapped_column(PlainText(64), ForeignKey("tenants.id"))
    url: Mapped[str]
    events: Mapped[list[Any]]
    secret: Mapped[str] = mapped_column(PlainText(64))
    old_secret: Mapped[str | None] = mapped_column(PlainText(64))
    old_secret_until: Mapped[float | None]
    cursor: Mapped[int] = mapped_column(BigInteger)  # of events, up to which all have deliveries
    created_at: Mapped[float]


class DeliveryRow(Base):
    """A message to an endpoint; what it tells is kept here, for its job may be deleted before."""

    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("webhook_id", "event_id"),
        Index("ix_deliveries_webhook_id", "webhook_id", "id"),
        Index("ix_deliveries_ended_at", "ended_at"),
        _partial("ix_deliveries_pending", "webhook_id", "next_at", where="status = 'pending'"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    webhook_id: Mapped[str] = mapped_column(ID, ForeignKey("webhooks.id"))
    event_id: Mapped[int | None] = mapped_column(BigInteger)  # None: a ping
    type: Mapped[str] = mapped_column(PlainText(32))
    job_id: Mapped[str | None] = mapped_column(ID)
    at: Mapped[float]
    status: Mapped[DeliveryStatus]
    attempts: Mapped[int]
    created_at: Mapped[float]
    next_at: Mapped[float | None]  # while it is being sent: when somebody else may try
    give_up_at: Mapped[float]
    lease_id: Mapped[str | None] = mapped_column(ID)
    last_status: Mapped[int | None]
    last_error: Mapped[str | None]
    ended_at: Mapped[float | None]
