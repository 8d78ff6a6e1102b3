"""A database that stops in the middle of it all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from lungline.domain import DEFAULT_TENANT
from lungline.errors import DatabaseUnavailable
from storage.database import Database
from storage.migrate import upgrade
from storage.repository import Repository
from tests.factories.rows import claim, must_claim, read, submit
from tests.fixtures.postgres import PostgresServer

pytestmark = pytest.mark.integration


@pytest.fixture
def repo(postgres_url: str) -> Iterator[Repository]:
    database = Database(postgres_url, lock_wait_seconds=0.2)
    upgrade(database)
    yield Repository(database)
    database.dispose()


def test_an_outage_is_unavailability_and_the_pool_recovers(
    repo: Repository, postgres_server: PostgresServer
) -> None:
    job = submit(repo, 3)
    batch = must_claim(repo)

    postgres_server.stop()
    try:
        for call in (
            lambda: submit(repo, 1),
            lambda: repo.claims.finish(batch.lease_id, read(batch)),
            lambda: repo.jobs.get(DEFAULT_TENANT, job.id),
            repo.database.check,
        ):
            with pytest.raises(DatabaseUnavailable):
                call()
    finally:
        postgres_server.start()

    assert repo.claims.finish(batch.lease_id, read(batch)) == 3
    assert repo.jobs.get(DEFAULT_TENANT, job.id).total == 3
    assert repo.repairs.check_counters() == []


def test_a_session_that_dies_in_a_transaction_is_unavailability(repo: Repository) -> None:
    kill = "SELECT pg_terminate_backend(pg_backend_pid())"

    with pytest.raises(DatabaseUnavailable), repo.database.write() as connection:
        connection.exec_driver_sql(kill)
    with pytest.raises(DatabaseUnavailable):
        repo.database.run(lambda connection: connection.exec_driver_sql(kill))

    repo.database.check()


def test_connections_that_died_while_they_lay_idle_are_replaced_unseen(
    repo: Repository, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.database.check()
    end_all_others = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'lungline' AND pid <> pg_backend_pid()"
    )
    for idle_seconds, expected in (
        (0.0, nullcontext()),
        (60.0, pytest.raises(DatabaseUnavailable)),
    ):
        monkeypatch.setattr("storage.database.IDLE_SECONDS", idle_seconds)
        with postgres_server.connect() as connection:
            connection.execute(end_all_others)
        with expected:
            repo.database.check()

    repo.database.check()


def test_a_lock_that_is_held_too_long_is_unavailability(repo: Repository) -> None:
    job = submit(repo, 1)
    with repo.database.write() as connection:
        connection.exec_driver_sql("LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(DatabaseUnavailable, match="locked"):
            claim(repo)

    assert repo.jobs.get(DEFAULT_TENANT, job.id).queued == 1


def test_a_server_that_is_not_there_is_unavailability() -> None:
    database = Database("postgresql://postgres@127.0.0.1:1/nothing")

    with pytest.raises(DatabaseUnavailable):
        database.check()
