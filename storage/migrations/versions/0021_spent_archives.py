"""Archives that are expanded and not kept: until they are gone, their job says so.

Revision: 0021, after 0020. Adds a column and an index.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them."""
    op.add_column(
        "jobs",
        sa.Column("archive_spent", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
    spent = sa.text("archive_spent")
    op.create_index(
        "ix_jobs_archive_spent", "jobs", ["id"], sqlite_where=spent, postgresql_where=spent
    )
