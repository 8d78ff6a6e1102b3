"""Entries: what became of each entry of an archive, and which item has whose film.

Revision: 0006, after 0005. Adds columns that may be empty or have a default, and a table.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

ID = sa.String(32)


def upgrade() -> None:
    """Add them."""
    for outcome in ("accepted", "duplicate", "ignored", "rejected"):
        counter = sa.Column(
            f"entries_{outcome}", sa.Integer(), nullable=False, server_default=sa.text("0")
        )
        op.add_column("jobs", counter)
    op.add_column("items", sa.Column("duplicate_of", ID, nullable=True))
    op.create_table(
        "entries",
        sa.Column("job_id", ID, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(24), nullable=False),
        sa.Column("item_id", ID, nullable=True),
        sa.Column("film_id", ID, nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.String(64), nullable=True),
        sa.PrimaryKeyConstraint("job_id", "seq", name="pk_entries"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_entries_job_id"),
    )
    op.create_index("ix_entries_outcome", "entries", ["job_id", "outcome", "seq"])
    condition = sa.text("film_id IS NOT NULL")
    op.create_index(
        "ix_entries_film_id",
        "entries",
        ["job_id", "film_id"],
        unique=True,
        sqlite_where=condition,
        postgresql_where=condition,
    )
