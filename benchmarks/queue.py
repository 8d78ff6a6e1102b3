"""A database and a broker of a benchmark's own, and jobs of very many items in them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from lungline.domain import DEFAULT_TENANT, FilmFormat, Priority, new_id
from lungline.settings import Settings
from storage.database import Database
from storage.intake.film import IntakenFilm
from storage.items import NewItem
from storage.migrate import upgrade
from storage.repository import Repository
from tests.fixtures.postgres import postgres_cluster
from tests.fixtures.valkey import ValkeyServer


@contextmanager
def queue_servers() -> Iterator[Settings]:
    """Settings for a PostgreSQL that flushes as in production, and a broker; both empty."""
    with tempfile.TemporaryDirectory(prefix="lungline-queue-") as name:
        data = Path(name)
        broker = ValkeyServer(data)
        broker.start()
        try:
            with postgres_cluster(durable=True) as server:
                yield Settings(
                    data_dir=data, database_url=server.url("postgres"), broker_url=broker.url
                )
        finally:
            broker.stop()


@contextmanager
def migrated(settings: Settings) -> Iterator[Repository]:
    """The repository of an empty database, with its tables."""
    database = Database(settings.sqlalchemy_url)
    upgrade(database)
    try:
        yield Repository(database)
    finally:
        database.dispose()


def submit_many(
    settings: Settings, repository: Repository, count: int, tenant: str = DEFAULT_TENANT
) -> str:
    """Make a job of `count` items with a film each: the first by intake, the rest by copying it.

    Returns:
        The job's id.
    """
    digest = new_id() * 2
    film = IntakenFilm(digest, FilmFormat.PNG, 1_000, 640, 480, f"{tenant}/films/{digest}")
    job = repository.jobs.create_with_films(
        tenant,
        job_id=new_id(),
        name="",
        metadata={},
        bundle="null@1",
        priority=Priority.NORMAL,
        idempotency_key=None,
        request_hash=None,
        items=[NewItem("0.png", film)],
    ).job
    url = settings.sqlalchemy_url.replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as connection:
        for table, copied in (("films", _FILMS), ("items", _ITEMS)):
            columns = _columns(connection, table)
            chosen = ", ".join(copied.get(name, f"t.{name}") for name in columns)
            connection.execute(
                f"INSERT INTO {table} ({', '.join(columns)}) SELECT {chosen} FROM {table} t, "  # noqa: S608
                f"generate_series(1, {count - 1}) n WHERE {_FIRST[table]}",
                {"job": job.id, "digest": digest},
            )
        connection.execute(
            "UPDATE jobs SET queued = %s, total = %s WHERE id = %s", (count, count, job.id)
        )
        connection.execute("ANALYZE")
    return job.id


_HEX = "lpad(to_hex(n), 8, '0')"
_FIRST = {"films": "t.sha256 = %(digest)s", "items": "t.job_id = %(job)s"}
_FILMS = {
    "id": f"left(t.id, 24) || {_HEX}",
    "sha256": f"left(t.sha256, 56) || {_HEX}",
    "object_key": f"t.object_key || {_HEX}",
}
_ITEMS = {
    "id": f"left(t.id, 24) || {_HEX}",
    "film_id": f"left(t.film_id, 24) || {_HEX}",
    "seq": "t.seq + n",
}


def _columns(connection: psycopg.Connection[Any], table: str) -> list[str]:
    rows = connection.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s", (table,)
    )
    return [str(row[0]) for row in rows.fetchall()]
