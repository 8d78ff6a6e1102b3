"""Archives that are read as a stream: where the next entry begins.

Revision: 0007, after 0006. Adds a column that may be empty.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it."""
    op.add_column("jobs", sa.Column("archive_offset", sa.BigInteger(), nullable=True))
