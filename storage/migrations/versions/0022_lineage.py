"""Which job's films a job reads again.

Revision: 0022, after 0021. Adds a column that may be empty, and an index.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_GIVEN = sa.text("from_job IS NOT NULL")


def upgrade() -> None:
    """Add them."""
    op.add_column("jobs", sa.Column("from_job", sa.String(32), nullable=True))
    op.create_index(
        "ix_jobs_from_job",
        "jobs",
        ["tenant", "from_job", "id"],
        sqlite_where=_GIVEN,
        postgresql_where=_GIVEN,
    )
