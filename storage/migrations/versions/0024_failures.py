"""What metrics count: films that failed, by code, and parts that did not answer.

Revision: 0024, after 0023. Adds an index and a table.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_FAILED = sa.text("status = 'failed'")


def upgrade() -> None:
    """Add them."""
    op.create_index(
        "ix_items_error_code",
        "items",
        ["error_code"],
        sqlite_where=_FAILED,
        postgresql_where=_FAILED,
    )
    op.create_table(
        "part_failures",
        sa.Column("role", sa.String(24), nullable=False),
        sa.Column("code", sa.String(64), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("role", "code", name="pk_part_failures"),
    )
