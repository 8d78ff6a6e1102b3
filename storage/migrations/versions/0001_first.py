"""First tables: tenants, films, jobs, predictions, items, events.

Revision: 0001, the first.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.String(32)
TENANT = sa.String(64)
STATUS = sa.String(24)
TIME: sa.Double[float] = sa.Double()  # seconds since the epoch
JSON = sa.JSON()


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "tenants",
        sa.Column("id", TENANT, nullable=False),
        sa.Column("weight", sa.Double(), nullable=False),
        sa.Column("vtime", sa.Double(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tenants"),
    )
    op.create_table(
        "films",
        sa.Column("id", ID, nullable=False),
        sa.Column("tenant", TENANT, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("object_key", sa.String(), nullable=False),
        sa.Column("format", sa.String(16), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_films"),
        sa.UniqueConstraint("tenant", "sha256", name="uq_films_tenant_sha256"),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name="fk_films_tenant"),
    )
    _create_jobs()
    op.create_table(
        "predictions",
        sa.Column("id", ID, nullable=False),
        sa.Column("film_id", ID, nullable=False),
        sa.Column("bundle", sa.String(128), nullable=False),
        sa.Column("runtime", sa.String(32), nullable=False),
        sa.Column("top_label", sa.String(128), nullable=False),
        sa.Column("findings", JSON, nullable=False),
        sa.Column("in_distribution", sa.Boolean(), nullable=True),
        sa.Column("flags", JSON, nullable=False),
        sa.Column("lungs", JSON, nullable=False),
        sa.Column("region", JSON, nullable=False),
        sa.Column("activation", JSON, nullable=False),
        sa.Column("mask_key", sa.String(), nullable=True),
        sa.Column("view_key", sa.String(), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_predictions"),
        sa.UniqueConstraint("film_id", "bundle", name="uq_predictions_film_id_bundle"),
        sa.ForeignKeyConstraint(["film_id"], ["films.id"], name="fk_predictions_film_id"),
    )
    _create_items()
    op.create_table(
        "events",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("at", TIME, nullable=False),
        sa.Column("type", sa.String(32), nullable=False),
        sa.Column("tenant", TENANT, nullable=False),
        sa.Column("job_id", ID, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_events_job_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_job_id", "events", ["job_id", "id"])


def downgrade() -> None:
    """Drop the tables, with all that is in them."""
    for table in ("events", "items", "predictions", "jobs", "films", "tenants"):
        op.drop_table(table)


def _create_jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", ID, nullable=False),
        sa.Column("tenant", TENANT, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("client_metadata", JSON, nullable=False),
        sa.Column("status", STATUS, nullable=False),
        sa.Column("bundle", sa.String(128), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        # Fair shares.
        sa.Column("weight", sa.Double(), nullable=False),
        sa.Column("vtime", sa.Double(), nullable=False),
        # Replays.
        sa.Column("idempotency_key", sa.String(255), nullable=True),
        sa.Column("request_hash", sa.String(128), nullable=True),
        # Counters of the items.
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("queued", sa.Integer(), nullable=False),
        sa.Column("running", sa.Integer(), nullable=False),
        sa.Column("succeeded", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("cancelled", sa.Integer(), nullable=False),
        sa.Column("reused", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        # The archive and its expansion.
        sa.Column("archive_key", sa.String(), nullable=True),
        sa.Column("archive_size", sa.BigInteger(), nullable=True),
        sa.Column("entries_seen", sa.Integer(), nullable=False),
        sa.Column("entries_total", sa.Integer(), nullable=True),
        sa.Column("expand_attempts", sa.Integer(), nullable=False),
        sa.Column("expand_lease_id", ID, nullable=True),
        sa.Column("expand_worker_id", sa.String(128), nullable=True),
        sa.Column("expand_lease_expires_at", TIME, nullable=True),
        sa.Column("error_code", sa.String(64), nullable=True),
        sa.Column("error_reason", sa.String(), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("started_at", TIME, nullable=True),
        sa.Column("first_claim_at", TIME, nullable=True),
        sa.Column("finished_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        sa.UniqueConstraint("tenant", "idempotency_key", name="uq_jobs_tenant_idempotency_key"),
        sa.CheckConstraint(
            "queued >= 0 AND running >= 0 AND succeeded >= 0 AND failed >= 0 AND cancelled >= 0"
            " AND queued + running + succeeded + failed + cancelled = total",
            name=op.f("ck_jobs_counters"),
        ),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name="fk_jobs_tenant"),
    )
    op.create_index("ix_jobs_tenant_id", "jobs", ["tenant", "id"])
    _partial_index(
        "ix_jobs_runnable",
        "jobs",
        ["priority", "tenant", "vtime"],
        "queued > 0 AND NOT paused AND status IN ('expanding', 'running')",
    )
    _partial_index("ix_jobs_expanding", "jobs", ["priority", "id"], "status = 'expanding'")
    _partial_index("ix_jobs_live", "jobs", ["id"], "status IN ('running', 'cancelling')")
    _partial_index(
        "ix_jobs_expand_lease_id", "jobs", ["expand_lease_id"], "expand_lease_id IS NOT NULL"
    )


def _create_items() -> None:
    op.create_table(
        "items",
        sa.Column("id", ID, nullable=False),
        sa.Column("job_id", ID, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("tenant", TENANT, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("film_id", ID, nullable=True),
        sa.Column("prediction_id", ID, nullable=True),
        sa.Column("status", STATUS, nullable=False),
        sa.Column("error_code", sa.String(64), nullable=True),
        sa.Column("error_reason", sa.String(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("alone", sa.Boolean(), nullable=False),
        sa.Column("reused", sa.Boolean(), nullable=False),
        # The lease, while it runs.
        sa.Column("worker_id", sa.String(128), nullable=True),
        sa.Column("lease_id", ID, nullable=True),
        sa.Column("lease_expires_at", TIME, nullable=True),
        sa.Column("lease_ends_at", TIME, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("started_at", TIME, nullable=True),
        sa.Column("finished_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_items"),
        sa.UniqueConstraint("job_id", "seq", name="uq_items_job_id_seq"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_items_job_id"),
        sa.ForeignKeyConstraint(["film_id"], ["films.id"], name="fk_items_film_id"),
        sa.ForeignKeyConstraint(
            ["prediction_id"], ["predictions.id"], name="fk_items_prediction_id"
        ),
    )
    # Small indexes over what is in motion: they stay small when the table holds a million films.
    _partial_index("ix_items_queued", "items", ["job_id", "seq"], "status = 'queued'")
    _partial_index("ix_items_failed", "items", ["job_id", "seq"], "status = 'failed'")
    _partial_index("ix_items_lease_id", "items", ["lease_id"], "status = 'running'")
    _partial_index("ix_items_worker_id", "items", ["worker_id"], "status = 'running'")
    _partial_index("ix_items_lease_expires_at", "items", ["lease_expires_at"], "status = 'running'")


def _partial_index(name: str, table: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(
        name, table, columns, sqlite_where=condition, postgresql_where=condition
    )
