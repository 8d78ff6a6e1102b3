"""Quotas: the bytes of a tenant's films, and an index of its open jobs.

Revision: 0008, after 0007. Code of 0007 runs on it, but does not count bytes.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them, and count what is there."""
    op.add_column(
        "tenants",
        sa.Column("film_bytes", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
    )
    op.execute(
        "UPDATE tenants SET film_bytes = (SELECT coalesce(sum(size), 0) FROM films"
        " WHERE films.tenant = tenants.id AND films.deleting_at IS NULL)"
    )
    condition = sa.text("status IN ('receiving', 'expanding', 'running', 'cancelling')")
    op.create_index(
        "ix_jobs_open",
        "jobs",
        ["tenant"],
        sqlite_where=condition,
        postgresql_where=condition,
    )
