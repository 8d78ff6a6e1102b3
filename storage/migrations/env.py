"""Alembic's entry: runs the migrations on the connection that `storage.migrate` opened.

Importing the models here lets `alembic.autogenerate` compare with them.
"""

from __future__ import annotations

from alembic import context

from storage.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    # SQLite, too, undoes DDL on rollback, now that it is not the driver that begins transactions.
    transactional_ddl=True,
    compare_type=True,
    compare_server_default=True,
)
context.run_migrations()
