"""When the last sweep ended.

Revision: 0025, after 0024. Adds a table of one row.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it."""
    op.create_table(
        "sweeps",
        sa.Column("id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("ended_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sweeps"),
    )
