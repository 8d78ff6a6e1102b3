"""Films whose pixels are dropped while their findings stay, and what retention removed.

Revision: 0020, after 0019. Adds columns, indexes and a table.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

TIME: sa.Double[float] = sa.Double()  # seconds since the epoch


def upgrade() -> None:
    """Add them."""
    op.add_column("films", sa.Column("dropped_at", TIME, nullable=True))
    # 0 lets the first sweep look for the time itself.
    op.add_column(
        "films", sa.Column("used_at", TIME, server_default=sa.text("0"), nullable=False)
    )
    op.add_column("predictions", sa.Column("dropped_at", TIME, nullable=True))
    _partial("ix_films_used_at", "films", ["tenant", "used_at"], _KEPT)
    _partial("ix_films_dropped_at", "films", ["id"], _DROPPED)
    _partial("ix_jobs_archive_key", "jobs", ["tenant", "id"], _WITH_ARCHIVE)
    op.create_table(
        "removals",
        sa.Column("kind", sa.String(24), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", name="pk_removals"),
    )


_KEPT = "deleting_at IS NULL AND dropped_at IS NULL"
_DROPPED = "dropped_at IS NOT NULL AND purged_at IS NULL"
_WITH_ARCHIVE = "archive_key IS NOT NULL OR manifest_key IS NOT NULL"


def _partial(name: str, table: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(
        name, table, columns, sqlite_where=condition, postgresql_where=condition
    )
