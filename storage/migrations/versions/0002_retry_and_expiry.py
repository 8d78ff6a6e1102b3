"""Retry and expiry: when a job expires, what is being retried, how films failed before.

Revision: 0002, after 0001. Adds columns that may be empty and a table: code of 0001 runs on it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ID = sa.String(32)
TIME: sa.Double[float] = sa.Double()  # seconds since the epoch


def upgrade() -> None:
    """Add them."""
    op.add_column("jobs", sa.Column("expires_at", TIME, nullable=True))
    op.add_column("jobs", sa.Column("retry_before", TIME, nullable=True))
    op.add_column("jobs", sa.Column("done_before", sa.Integer(), nullable=True))
    op.add_column("items", sa.Column("attempts_before", sa.Integer(), nullable=True))
    _partial_index(
        "ix_jobs_expires_at",
        ["expires_at"],
        "expires_at IS NOT NULL AND status IN ('receiving', 'expanding', 'running')",
    )
    _partial_index("ix_jobs_retry_before", ["id"], "retry_before IS NOT NULL")
    op.create_table(
        "failures",
        sa.Column("item_id", ID, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("error_code", sa.String(64), nullable=False),
        sa.Column("error_reason", sa.String(), nullable=True),
        sa.Column("finished_at", TIME, nullable=True),
        sa.Column("retried_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("item_id", "attempt", name="pk_failures"),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name="fk_failures_item_id"),
    )


def _partial_index(name: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(
        name, "jobs", columns, sqlite_where=condition, postgresql_where=condition
    )
