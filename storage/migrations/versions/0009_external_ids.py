"""Films: the client's own id of each, by which it is found, and what else the client said of it.

Revision: 0009, after 0008. Adds columns that may be empty, and an index.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them."""
    op.add_column("items", sa.Column("external_id", sa.String(200), nullable=True))
    op.add_column("items", sa.Column("client_metadata", sa.JSON(none_as_null=True), nullable=True))
    condition = sa.text("external_id IS NOT NULL")
    op.create_index(
        "ix_items_external_id",
        "items",
        ["tenant", "external_id", "id"],
        sqlite_where=condition,
        postgresql_where=condition,
    )
