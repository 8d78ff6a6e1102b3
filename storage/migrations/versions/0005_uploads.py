"""Uploads: archives that come in parts.

Revision: 0005, after 0004. Adds a table.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ID = sa.String(32)
TIME: sa.Double[float] = sa.Double()  # seconds since the epoch


def upgrade() -> None:
    """Add it."""
    op.create_table(
        "uploads",
        sa.Column("id", ID, nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("filename", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=True),
        sa.Column("part_size", sa.BigInteger(), nullable=False),
        sa.Column("object_key", sa.String(), nullable=False),
        sa.Column("token", sa.String(), nullable=True),
        sa.Column("status", sa.String(24), nullable=False),
        sa.Column("lease_id", ID, nullable=True),
        sa.Column("lease_expires_at", TIME, nullable=True),
        sa.Column("job_id", ID, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("completed_at", TIME, nullable=True),
        sa.Column("expires_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_uploads"),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name="fk_uploads_tenant"),
    )
    op.create_index("ix_uploads_tenant_id", "uploads", ["tenant", "id"])
    op.create_index("ix_uploads_expires_at", "uploads", ["expires_at"])
    _partial_index("ix_uploads_held", "tenant", "status IN ('open', 'completing', 'complete')")
    _partial_index("ix_uploads_deleting", "id", "status = 'deleting'")


def _partial_index(name: str, column: str, where: str) -> None:
    condition = sa.text(where)
    op.create_index(
        name, "uploads", [column], sqlite_where=condition, postgresql_where=condition
    )
