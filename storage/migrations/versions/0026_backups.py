"""Backups that are being taken: while one is, no object is deleted that a row of it may name.

Revision: 0026, after 0025. Adds a table.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it."""
    op.create_table(
        "backups",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_backups"),
    )
