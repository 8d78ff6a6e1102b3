"""Exports: results that are made in the background, and fetched by a link.

Revision: 0018, after 0017. Adds a table.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

ID = sa.String(32)
TIME: sa.Double[float] = sa.Double()  # seconds since the epoch


def upgrade() -> None:
    """Add it."""
    op.create_table(
        "exports",
        sa.Column("id", ID, nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("job_id", ID, nullable=False),
        sa.Column("job_finished_at", TIME, nullable=False),
        sa.Column("format", sa.String(24), nullable=False),
        sa.Column("status", sa.String(24), nullable=False),
        sa.Column("object_key", sa.String(), nullable=True),
        sa.Column("worker_id", sa.String(128), nullable=True),
        sa.Column("lease_id", ID, nullable=True),
        sa.Column("lease_expires_at", TIME, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("items_done", sa.Integer(), nullable=False),
        sa.Column("items_total", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.String(64), nullable=True),
        sa.Column("error_code", sa.String(64), nullable=True),
        sa.Column("error_reason", sa.String(), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("started_at", TIME, nullable=True),
        sa.Column("finished_at", TIME, nullable=True),
        sa.Column("expires_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_exports"),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name="fk_exports_tenant"),
    )
    op.create_index("ix_exports_tenant_id", "exports", ["tenant", "id"])
    op.create_index("ix_exports_job_id", "exports", ["job_id"])
    op.create_index("ix_exports_expires_at", "exports", ["expires_at"])
    for name in ("queued", "running", "deleting"):
        condition = sa.text(f"status = '{name}'")
        op.create_index(
            f"ix_exports_{name}",
            "exports",
            ["id"],
            sqlite_where=condition,
            postgresql_where=condition,
        )
