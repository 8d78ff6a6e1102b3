"""Whose archive was last expanded, and archives that are left aside for a while.

Revision: 0027, after 0026. Adds columns that may be absent from what the version before writes.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them."""
    op.add_column(
        "tenants", sa.Column("expanded_at", sa.Double(), nullable=False, server_default=sa.text("0"))
    )
    op.add_column("jobs", sa.Column("expand_after", sa.Double(), nullable=True))
