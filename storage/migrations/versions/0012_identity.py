"""Identity: keyed hashes of study and patient with each item, and an index of studies.

Revision: 0012, after 0011. Adds columns that may be empty; code of 0011 runs on it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them."""
    for name in ("study_hash", "patient_hash"):
        op.add_column("items", sa.Column(name, sa.String(32), nullable=True))
    condition = sa.text("study_hash IS NOT NULL")
    op.create_index(
        "ix_items_study",
        "items",
        ["tenant", "study_hash", "id"],
        sqlite_where=condition,
        postgresql_where=condition,
    )
