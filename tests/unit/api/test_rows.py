"""Rows of a job's films, and how the service stands: what tables and watchers are made of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.factories import films
from tests.factories.services import LABELS, Service, service


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Service]:
    with service(tmp_path) as it:
        yield it


def test_columns_hold_a_little_of_every_film(api: Service) -> None:
    job = api.job(("a.jpg", films.jpeg(1)), ("b.jpg", b"text"), ("a again.jpg", films.jpeg(1)))
    before = api.client.get(f"{job['links']['self']}/rows").get_json()
    assert before["status"] == ["queued", "failed", "queued"]
    assert before["labels"] == []
    api.read_all()

    rows = api.client.get(f"{job['links']['self']}/rows").get_json()

    items = api.client.get(job["links"]["items"]).get_json()["items"]
    for column in ("seq", "id", "name", "status"):
        assert rows[column] == [item[column] for item in items]
    assert rows["labels"] == list(LABELS)
    assert rows["top_label"] == ["bacterial_pneumonia", None, "bacterial_pneumonia"]
    assert rows["probabilities"] == [[0.1, 0.7, 0.2], None, [0.1, 0.7, 0.2]]
    assert rows["positive"][0] == ["bacterial_pneumonia"]
    assert rows["error_code"] == [None, "unsupported_format", None]
    assert rows["duplicate"] == [False, False, True]
    assert rows["flags"] == [[], None, []]


def test_any_range_may_be_asked_for(api: Service) -> None:
    job = api.job(*((f"{n}.jpg", films.jpeg(n)) for n in range(5)))
    path = f"{job['links']['self']}/rows"
    assert api.client.get(f"{path}?first=3&limit=1").get_json()["name"] == ["3.jpg"]
    assert api.client.get(f"{path}?first=4&limit=10").get_json()["seq"] == [4]
    assert api.client.get(f"{path}?first=99").get_json()["seq"] == []
    for query in ("first=-1", "limit=0", "limit=5001", "first=x"):
        assert api.client.get(f"{path}?{query}").status_code == 422, query
    assert api.client.get(f"/v1/jobs/{'0' * 32}/rows").status_code == 404


def test_a_range_that_has_not_changed_is_not_sent_again(api: Service) -> None:
    path = f"{api.job(('a.jpg', films.jpeg(1)))['links']['self']}/rows"
    tag = {"If-None-Match": api.client.get(path).headers["ETag"]}
    assert api.client.get(path, headers=tag).status_code == 304
    api.read_all()
    assert api.client.get(path, headers=tag).status_code == 200


def test_the_system_tells_queue_and_busy_workers(api: Service) -> None:
    api.job(("a.jpg", films.jpeg(1)), ("b.jpg", films.jpeg(2)))
    api.parts.repository.claims.claim("w1", limit=1, lease_seconds=60, hard_seconds=60)

    told = api.client.get("/v1/system").get_json()

    assert told["queue"]["films"]["queued"] == 1
    assert told["queue"]["jobs"]["running"] == 1
    assert [(one["name"], one["films"]) for one in told["workers"]["busy"]] == [("w1", 1)]
    assert told["workers"]["ready"] is None
    working = dict.fromkeys(("database", "store", "space", "workers"), "ok")
    assert told["parts"] == working | {"broker": "down"}
    assert told["permits"] is None
