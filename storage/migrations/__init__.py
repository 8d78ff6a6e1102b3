"""Alembic migrations, run by `storage.migrate`; there is no ini file."""
