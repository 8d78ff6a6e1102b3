"""Terms: jobs and items are found by their metadata.

Revision: 0023, after 0022. Adds a table, and fills it from the metadata that is there, some
thousand rows at a time. Code of 0022 runs on it; what it adds meanwhile is not found by metadata.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage import terms  # the hashes must be those that searches look for

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

ID = sa.String(32)
CHUNK_ROWS = 2_000


def upgrade() -> None:
    """Add and fill it."""
    table = op.create_table(
        "terms",
        sa.Column("digest", ID, nullable=False),
        sa.Column("owner_id", ID, nullable=False),
        sa.PrimaryKeyConstraint("digest", "owner_id", name="pk_terms"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_terms_owner_id", "terms", ["owner_id"])
    for name, kind in (("jobs", terms.Kind.JOB), ("items", terms.Kind.ITEM)):
        _fill(table, name, kind)


def _fill(table: sa.Table, name: str, kind: terms.Kind) -> None:
    owners = sa.table(
        name,
        sa.column("id", ID),
        sa.column("tenant", sa.String()),
        sa.column("client_metadata", sa.JSON()),
    )
    connection, after = op.get_bind(), ""
    while True:
        query = sa.select(owners).where(owners.c.id > after).order_by(owners.c.id)
        found = connection.execute(query.limit(CHUNK_ROWS)).all()
        rows = [
            {"digest": digest, "owner_id": owner.id}
            for owner in found
            for digest in terms.digests(kind, owner.tenant, owner.client_metadata)
        ]
        if rows:
            connection.execute(sa.insert(table), rows)
        if len(found) < CHUNK_ROWS:
            return
        after = found[-1].id
