"""Deletion: jobs whose rows are being removed, films whose objects are.

Revision: 0003, after 0002. Adds columns that may be empty, and indexes.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TIME: sa.Double[float] = sa.Double()  # seconds since the epoch


def upgrade() -> None:
    """Add them."""
    op.add_column("jobs", sa.Column("deleted_at", TIME, nullable=True))
    op.add_column("films", sa.Column("deleting_at", TIME, nullable=True))
    op.add_column("films", sa.Column("purged_at", TIME, nullable=True))
    _partial_index("ix_jobs_deleted_at", "jobs", "id", "deleted_at IS NOT NULL")
    _partial_index("ix_films_deleting_at", "films", "deleting_at", "deleting_at IS NOT NULL")
    # Who uses a film, or a prediction of it: asked for each that may go.
    _partial_index("ix_items_film_id", "items", "film_id", "film_id IS NOT NULL")
    _partial_index("ix_items_prediction_id", "items", "prediction_id", "prediction_id IS NOT NULL")


def _partial_index(name: str, table: str, column: str, where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, table, [column], sqlite_where=condition, postgresql_where=condition)
