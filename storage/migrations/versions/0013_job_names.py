"""Job names: an index, so that a tenant finds its jobs by what it called them.

Revision: 0013, after 0012. Code of 0012 runs on it.
"""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it."""
    op.create_index("ix_jobs_name", "jobs", ["tenant", "name", "id"])
