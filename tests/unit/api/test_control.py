"""Pausing, resuming and changing jobs over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.factories import films
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


@pytest.mark.parametrize("job_id", [UNKNOWN, "nonsense"])
def test_unknown_jobs(api: Service, job_id: str) -> None:
    for answer in (
        api.client.post(f"/v1/jobs/{job_id}/pause"),
        api.client.post(f"/v1/jobs/{job_id}/resume"),
        api.client.patch(f"/v1/jobs/{job_id}", json={"name": "x"}),
    ):
        assert (answer.status_code, answer.get_json()["code"]) == (404, "job_not_found")
