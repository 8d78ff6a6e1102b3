"""Folders outside the service that films are read from, and how far each is.

Revision: 0019, after 0018. Adds columns that may be empty.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them."""
    op.add_column("jobs", sa.Column("prefix", sa.String(), nullable=True))
    op.add_column("jobs", sa.Column("archive_after", sa.String(), nullable=True))
