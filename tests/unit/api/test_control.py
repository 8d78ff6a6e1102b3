"""Pausing, resuming and changing jobs over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.factories import archives, films
from tests.factories.services import Service, service

UNKNOWN = "0" * 32


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Service]:
    with service(tmp_path) as it:
        yield it


def test_a_job_is_paused_and_resumed(api: Service) -> None:
    job = api.job(("a.jpg", films.jpeg(1)))
    path = job["links"]["self"]

    paused = api.client.post(f"{path}/pause")

    assert (paused.status_code, paused.get_json()["paused"]) == (202, True)
    assert api.read_all() == 0
    assert api.client.get(path).get_json()["eta_seconds"] is None
    resumed = api.client.post(f"{path}/resume")
    assert (resumed.status_code, resumed.get_json()["paused"]) == (202, False)
    assert api.read_all() == 1


def test_name_and_priority_change(api: Service) -> None:
    path = api.job(("a.jpg", films.jpeg(1)), name="old")["links"]["self"]

    answer = api.client.patch(path, json={"name": "new\x00", "priority": "interactive"})

    assert answer.status_code == 200
    assert answer.get_json()["name"] == "new\ufffd"
    assert answer.get_json()["priority"] == "interactive"
    assert api.client.get(path).get_json()["priority"] == "interactive"


@pytest.mark.parametrize(
    "changes",
    [{}, {"priority": "urgent"}, {"name": "x" * 201}, {"status": "failed"}, {"name": None}, [1]],
)
def test_bad_changes(api: Service, changes: Any) -> None:
    path = api.job(("a.jpg", films.jpeg(1)))["links"]["self"]
    answer = api.client.patch(path, json=changes)
    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_parameter")


def test_a_body_that_is_no_json(api: Service) -> None:
    path = api.job(("a.jpg", films.jpeg(1)))["links"]["self"]
    answer = api.client.patch(path, data=b"{", content_type="application/json")
    assert (answer.status_code, answer.get_json()["code"]) == (400, "bad_request")


def test_a_large_job_does_not_become_interactive(api: Service) -> None:
    path = api.job(*((f"{n}.jpg", films.jpeg(n)) for n in range(17)))["links"]["self"]
    answer = api.client.patch(path, json={"priority": "interactive"})
    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_parameter")


def test_what_has_ended_is_left_alone(api: Service) -> None:
    path = api.job(("a.jpg", films.jpeg(1)))["links"]["self"]
    api.read_all()
    for answer in (
        api.client.post(f"{path}/pause"),
        api.client.post(f"{path}/resume"),
        api.client.patch(path, json={"priority": "bulk", "name": "x"}),
    ):
        assert (answer.status_code, answer.get_json()["code"]) == (409, "wrong_state")
        assert "succeeded" in answer.get_json()["detail"]
    assert api.client.get(path).get_json()["name"] == ""
    assert api.client.patch(path, json={"name": "x"}).get_json()["name"] == "x"


def test_films_that_failed_are_read_again_and_refused_ones_stay(api: Service) -> None:
    job = api.job(("a.jpg", films.jpeg(1)), ("b.jpg", films.jpeg(2)), ("t", b"text"))
    path = job["links"]["self"]
    api.read_all(fail=frozenset({"b.jpg"}))

    answer = api.client.post(f"{path}/retry")

    assert answer.status_code == 202
    told = answer.get_json()
    assert (told["retried"], told["refused"]) == (1, 1)
    assert (told["job"]["status"], told["job"]["counts"]["queued"]) == ("running", 1)
    assert told["job"]["rate_films_per_second"] is None
    assert api.read_all() == 1
    ended = api.client.get(path).get_json()
    assert (ended["status"], ended["counts"]["failed"]) == ("completed_with_errors", 1)
    items = api.client.get(job["links"]["items"]).get_json()["items"]
    assert [(item["status"], item["attempt"]) for item in items] == [
        ("succeeded", 1),
        ("succeeded", 2),
        ("failed", 0),
    ]
    earlier = [
        api.client.get(f"{item['links']['self']}/failures").get_json()["items"] for item in items
    ]
    assert [len(each) for each in earlier] == [0, 1, 0]
    assert (earlier[1][0]["attempt"], earlier[1][0]["error"]["code"]) == (1, "truncated")
    assert earlier[1][0]["finished_at"] <= earlier[1][0]["retried_at"]


def test_what_cannot_be_retried(api: Service) -> None:
    refused = api.job(("t", b"text"))["links"]["self"]
    waiting = api.job(("a.jpg", films.jpeg(1)))["links"]["self"]

    answers = [api.client.post(f"{path}/retry") for path in (refused, waiting)]

    assert [(answer.status_code, answer.get_json()["code"]) for answer in answers] == [
        (409, "nothing_to_retry"),
        (409, "wrong_state"),
    ]
    assert api.client.get(refused).get_json()["status"] == "failed"


def test_a_job_that_expires_keeps_what_was_read(api: Service) -> None:
    job = api.job(("a.jpg", films.jpeg(1)), expires_in="60")
    assert api.read_all() == 1
    path = api.job(("b.jpg", films.jpeg(2)), ("a.jpg", films.jpeg(1)), expires_in="60")["links"]
    assert job["expires_at"] > job["created_at"]
    api.parts.database.clock_offset = 61.0

    repairs = api.parts.repository.repairs
    assert (repairs.expired_jobs(), repairs.cancelling()) == (1, 1)

    ended = api.client.get(path["self"]).get_json()
    assert (ended["status"], ended["counts"]["cancelled"]) == ("expired", 1)
    results = api.client.get(path["results"], query_string={"format": "ndjson"})
    assert results.status_code == 200
    assert len(results.get_data(as_text=True).splitlines()) == 2


def test_a_deleted_job_is_gone_with_its_films(api: Service) -> None:
    job = api.job(("a.jpg", films.jpeg(1)), ("b.jpg", films.jpeg(2)))
    path = job["links"]["self"]
    assert api.client.delete(path).get_json()["code"] == "wrong_state"
    api.read_all()
    items = api.client.get(job["links"]["items"]).get_json()["items"]
    other = api.job(("b.jpg", films.jpeg(2)))
    stored = set(api.parts.store.keys("default/"))

    answer = api.client.delete(path)

    assert (answer.status_code, answer.get_data()) == (204, b"")
    gone = [path, job["links"]["items"], job["links"]["results"]]
    gone += [f"/v1/items/{item['id']}{rest}" for item in items for rest in ("", "/film")]
    assert {api.client.get(each).status_code for each in gone} == {404}
    assert api.client.delete(path).status_code == 404
    assert [each["id"] for each in api.client.get("/v1/jobs").get_json()["items"]] == [other["id"]]
    deletions = api.parts.repository.deletions
    assert deletions.rows(api.parts.store) == 2
    assert deletions.films(api.parts.store) == 1
    left = set(api.parts.store.keys("default/"))
    sha256 = items[0]["film"]["sha256"]
    assert len(stored - left) == 2
    assert all(sha256 in key for key in stored - left)
    (kept,) = api.client.get(other["links"]["items"]).get_json()["items"]
    assert api.client.get(kept["links"]["film"]).status_code == 200


@pytest.mark.parametrize("raw", [False, True])
def test_a_film_is_stored_again_when_its_deletion_came_between(
    api: Service, raw: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = api.job(("a.jpg", films.jpeg(1)))
    api.read_all()
    api.client.delete(job["links"]["self"])
    store, deletions = api.parts.store, api.parts.repository.deletions
    deletions.rows(store)
    create = api.parts.repository.jobs.create_with_films

    def purged_first(*arguments: Any, **fields: Any) -> Any:
        assert deletions.films(store) == 1  # after the film was stored, before its row is made
        assert not list(store.keys("default/films/"))
        return create(*arguments, **fields)

    monkeypatch.setattr(api.parts.repository.jobs, "create_with_films", purged_first)
    if raw:
        answer = api.client.post("/v1/jobs", data=films.jpeg(1), content_type="image/jpeg")
    else:
        answer = api.submit(("a.jpg", films.jpeg(1)))

    assert answer.status_code == 202
    assert len(list(store.keys("default/films/"))) == 1
    assert deletions.films(store) == 0
    assert api.read_all() == 1


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "soon", "99999999", "٣"])
def test_bad_expiry(api: Service, value: str) -> None:
    answer = api.submit(("a.jpg", films.jpeg(1)), expires_in=value)
    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_parameter")
    assert "expires_in" in answer.get_json()["detail"]


def test_failures_of_unknown_items(api: Service) -> None:
    answer = api.client.get(f"/v1/items/{UNKNOWN}/failures")
    assert (answer.status_code, answer.get_json()["code"]) == (404, "item_not_found")


@pytest.mark.parametrize("job_id", [UNKNOWN, "nonsense"])
def test_unknown_jobs(api: Service, job_id: str) -> None:
    for answer in (
        api.client.post(f"/v1/jobs/{job_id}/pause"),
        api.client.post(f"/v1/jobs/{job_id}/resume"),
        api.client.post(f"/v1/jobs/{job_id}/retry"),
        api.client.delete(f"/v1/jobs/{job_id}"),
        api.client.patch(f"/v1/jobs/{job_id}", json={"name": "x"}),
    ):
        assert (answer.status_code, answer.get_json()["code"]) == (404, "job_not_found")


@pytest.mark.parametrize("keep", [False, True])
def test_a_cancelled_jobs_archive_goes_unless_the_setting_keeps_it(
    tmp_path: Path, keep: bool
) -> None:
    with service(tmp_path, keep_archives=keep) as api:
        job = api.submit(("a.zip", archives.zip_of_films(1))).get_json()

        answer = api.client.post(f"{job['links']['self']}/cancel")

        assert answer.status_code == 202
        here = api.parts.repository
        assert here.expansions.remove_spent(api.parts.store) == (0 if keep else 1)
