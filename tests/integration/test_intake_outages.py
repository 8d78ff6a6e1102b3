"""A real database and a real store that stop: submissions are refused for now, none half taken."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lungline.domain import DEFAULT_TENANT, new_id
from storage.database import Database
from storage.migrate import upgrade
from storage.objects.s3 import S3Store
from tests.factories import archives, films
from tests.factories.services import Service, form, service
from tests.fixtures.postgres import PostgresServer
from tests.fixtures.seaweedfs import SeaweedServer

pytestmark = pytest.mark.integration

REQUESTS: dict[str, dict[str, Any]] = {
    "film": {"data": films.jpeg(1), "content_type": "image/jpeg"},
    "form": form(*((f"{n}.jpg", films.jpeg(10 + n)) for n in range(3))),
    "archive": {"data": archives.zip_of_films(3), "content_type": "application/zip"},
}


@pytest.fixture
def api(tmp_path: Path, postgres_url: str, seaweedfs: SeaweedServer) -> Iterator[Service]:
    """The API over PostgreSQL and S3."""
    database = Database(postgres_url)
    upgrade(database)
    database.dispose()
    made = seaweedfs.settings(seaweedfs.make_bucket())
    # The database outlives the bucket of a test; without its marker that would count as away.
    store = S3Store(made)
    store.put(first := f"{DEFAULT_TENANT}/uploads/{new_id()}", b"")
    store.delete(first)
    fields = {name: getattr(made, name) for name in type(made).model_fields if "s3_" in name}
    with service(tmp_path, database_url=postgres_url, store="s3", **fields) as it:
        yield it


@pytest.fixture
def key() -> str:
    """An idempotency key of the test's own."""
    return new_id()


def send(api: Service, name: str, key: str) -> Any:
    """Send a request as a client does that may have to repeat it."""
    headers = {"Idempotency-Key": f"{key}-{name}"}
    return api.client.post("/v1/jobs", headers=headers, **REQUESTS[name])


def assert_refused_for_now(answer: Any, code: str) -> None:
    assert (answer.status_code, answer.get_json()["code"]) == (503, code)
    assert int(answer.headers["Retry-After"]) > 0


def assert_nothing_was_taken(api: Service, jobs: int) -> None:
    assert len(api.client.get("/v1/jobs?limit=100").get_json()["items"]) == jobs
    assert list(api.parts.store.keys("")) == []


def assert_taken_when_sent_again(api: Service, key: str) -> None:
    made = set()
    for name in REQUESTS:
        for replayed in (False, True):
            answer = send(api, name, key)
            assert answer.status_code == 202, answer.text
            assert ("Idempotency-Replayed" in answer.headers) is replayed
            made.add(answer.get_json()["id"])
    assert len(made) == len(REQUESTS)


def test_a_store_that_stops(api: Service, key: str, seaweedfs: SeaweedServer) -> None:
    before = len(api.client.get("/v1/jobs?limit=100").get_json()["items"])
    seaweedfs.stop()
    try:
        for name in REQUESTS:
            assert_refused_for_now(send(api, name, key), "store_unavailable")
        # What needs no store goes on
        assert api.client.get("/v1/jobs").status_code == 200
    finally:
        seaweedfs.start()

    assert_nothing_was_taken(api, before)
    assert_taken_when_sent_again(api, key)


def test_a_database_that_stops(api: Service, key: str, postgres_server: PostgresServer) -> None:
    before = len(api.client.get("/v1/jobs?limit=100").get_json()["items"])
    postgres_server.stop()
    try:
        for name in REQUESTS:
            assert_refused_for_now(send(api, name, key), "database_unavailable")
        assert_refused_for_now(api.client.get("/v1/jobs"), "database_unavailable")
    finally:
        postgres_server.start()

    assert_nothing_was_taken(api, before)
    assert_taken_when_sent_again(api, key)


@pytest.mark.parametrize("name", REQUESTS)
def test_a_database_that_stops_after_the_films_are_stored(
    name: str,
    api: Service,
    key: str,
    postgres_server: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Given a database that answers the first question of a request and stops before the last."""
    jobs = api.parts.repository.jobs
    make = "create_with_archive" if name == "archive" else "create_with_films"
    create = getattr(jobs, make)

    def create_when_stopped(*arguments: Any, **fields: Any) -> Any:
        postgres_server.stop()
        return create(*arguments, **fields)

    monkeypatch.setattr(jobs, make, create_when_stopped)
    try:
        assert_refused_for_now(send(api, name, key), "database_unavailable")
    finally:
        postgres_server.start()
    monkeypatch.undo()

    # Then no job is there, whatever was stored for it
    answer = send(api, name, key)
    assert answer.status_code == 202
    assert "Idempotency-Replayed" not in answer.headers
