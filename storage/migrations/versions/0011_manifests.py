"""Manifests: what a client says of the films of an archive, line by line.

Revision: 0011, after 0010. Adds columns that may be empty or have a default, and a table.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

ID = sa.String(32)


def upgrade() -> None:
    """Add them."""
    zero = sa.text("0")
    for column in (
        sa.Column("manifest_key", sa.String(), nullable=True),
        sa.Column("manifest_size", sa.BigInteger(), nullable=True),
        sa.Column("manifest_offset", sa.BigInteger(), nullable=False, server_default=zero),
        sa.Column("manifest_line", sa.Integer(), nullable=False, server_default=zero),
    ):
        op.add_column("jobs", column)
    op.create_table(
        "manifest_lines",
        sa.Column("job_id", ID, nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("key", ID, nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(200), nullable=True),
        sa.Column("client_metadata", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("error_code", sa.String(64), nullable=True),
        sa.Column("error_reason", sa.String(), nullable=True),
        sa.Column("found", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "line", name="pk_manifest_lines"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_manifest_lines_job_id"),
    )
    condition = sa.text("key IS NOT NULL")
    op.create_index(
        "ix_manifest_lines_key",
        "manifest_lines",
        ["job_id", "key"],
        unique=True,
        sqlite_where=condition,
        postgresql_where=condition,
    )
