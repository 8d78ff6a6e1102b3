"""A client that has an answer already is told so; a waiting one is told of changes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.factories import films
from tests.factories.services import Service, service

FILM = ("a.jpg", films.jpeg(1))


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Service]:
    with service(tmp_path) as it:
        yield it


@pytest.fixture
def paths(api: Service) -> dict[str, str]:
    """The addresses of one job of one film that waits."""
    job = api.job(FILM)
    (item,) = api.client.get(job["links"]["items"]).get_json()["items"]
    links = {"job": job["links"]["self"], "items": job["links"]["items"]}
    return links | {"item": item["links"]["self"], "jobs": "/v1/jobs"}


@pytest.mark.parametrize("kind", ["job", "items", "item", "jobs"])
def test_what_has_not_changed_is_not_sent_again(
    kind: str, api: Service, paths: dict[str, str]
) -> None:
    tag = api.client.get(paths[kind]).headers["ETag"]
    assert tag.startswith('W/"')
    again = api.client.get(paths[kind], headers={"If-None-Match": f'"other", {tag}'})
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
    # And once the film is read, it is
    api.read_all()
    changed = api.client.get(paths[kind], headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != tag
    assert api.client.get(paths[kind], headers={"If-None-Match": "*"}).status_code == 304


def test_an_unchanged_job_still_says_when_to_ask_again(api: Service, paths: dict[str, str]) -> None:
    tag = api.client.get(paths["job"]).headers["ETag"]
    answer = api.client.get(paths["job"], headers={"If-None-Match": tag})
    assert int(answer.headers["Retry-After"]) >= 1
    api.read_all()
    assert "Retry-After" not in api.client.get(paths["job"]).headers


def test_each_page_has_a_tag_of_its_own(api: Service) -> None:
    job = api.job(*[(f"{n}.jpg", films.jpeg(n)) for n in range(3)])
    path = job["links"]["items"]
    tags = {api.client.get(f"{path}?limit={n}").headers["ETag"] for n in (1, 2, 3)}
    assert len(tags) == 3


def test_a_long_poll_answers_when_the_job_changes(api: Service, paths: dict[str, str]) -> None:
    tag = api.client.get(paths["job"]).headers["ETag"]
    reader = threading.Timer(0.05, api.read_all)
    reader.start()
    try:
        answer = api.client.get(f"{paths['job']}?wait=60", headers={"If-None-Match": tag})
    finally:
        reader.join()
    assert answer.status_code == 200
    assert answer.headers["ETag"] != tag
    assert answer.get_json()["counts"]["queued"] == 0


def test_a_long_poll_ends_without_news(api: Service, paths: dict[str, str]) -> None:
    tag = api.client.get(paths["job"]).headers["ETag"]
    path = f"{paths['job']}?wait=1"
    assert api.client.get(path, headers={"If-None-Match": tag}).status_code == 304
    assert api.client.get(path).get_json()["status"] == "running"


def test_a_long_poll_does_not_wait_for_what_it_can_tell(
    api: Service, paths: dict[str, str]
) -> None:
    path = f"{paths['job']}?wait=86400"
    # An older version than the present one
    assert api.client.get(path, headers={"If-None-Match": 'W/"old"'}).status_code == 200
    # A job that has ended, with and without a tag
    api.read_all()
    tag = api.client.get(path).headers["ETag"]
    assert api.client.get(path, headers={"If-None-Match": tag}).status_code == 304


@pytest.mark.parametrize("limits", [{"max_waits": 0}, {"max_wait_seconds": 0}])
def test_waiting_has_limits(limits: dict[str, int], tmp_path: Path) -> None:
    with service(tmp_path, **limits) as api:
        job = api.job(FILM)
        assert api.client.get(f"{job['links']['self']}?wait=86400").status_code == 200


@pytest.mark.parametrize("wait", ["-1", "x", "86401", "1.5", ""])
def test_a_wait_that_is_none(wait: str, api: Service, paths: dict[str, str]) -> None:
    answer = api.client.get(f"{paths['job']}?wait={wait}")
    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_parameter")
