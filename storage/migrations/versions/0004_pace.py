"""Pace: how many films of a job were read, and how many at two moments of the last minute.

Revision: 0004, after 0003. Adds columns that may be empty or have a default.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TIME: sa.Double[float] = sa.Double()  # seconds since the epoch


def upgrade() -> None:
    """Add them."""
    op.add_column(
        "jobs", sa.Column("films_read", sa.Integer(), server_default=sa.text("0"), nullable=False)
    )
    op.add_column("jobs", sa.Column("last_read_at", TIME, nullable=True))
    op.add_column("jobs", sa.Column("pace_at", TIME, nullable=True))
    op.add_column("jobs", sa.Column("pace_read", sa.Integer(), nullable=True))
    op.add_column("jobs", sa.Column("pace_before_at", TIME, nullable=True))
    op.add_column("jobs", sa.Column("pace_before_read", sa.Integer(), nullable=True))
