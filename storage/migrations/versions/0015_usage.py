"""Usage: films and bytes that each tenant submitted, by month.

Revision: 0015, after 0014. Code of 0014 runs on it, but does not count.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; it counts from now on."""
    op.create_table(
        "usage",
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("month", sa.String(7), nullable=False),
        sa.Column("films", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "month", name="pk_usage"),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name="fk_usage_tenant"),
    )
