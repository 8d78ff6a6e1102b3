"""`Prefer: wait=N`: one film in, its findings out, in one call."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.preferences import preferred_wait
from lungline.domain import DEFAULT_TENANT
from lungline.errors import DatabaseUnavailable
from tests.factories import films
from tests.factories.archives import zip_of_films
from tests.factories.services import Service, form, service

WAIT = {"Prefer": "wait=60"}


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Service]:
    with service(tmp_path, max_wait_seconds=60) as it:
        yield it


@pytest.fixture
def reader(api: Service) -> Iterator[None]:
    """Somebody who reads what comes."""
    done = threading.Event()

    def read() -> None:
        while not done.wait(0.02):
            api.read_all()

    thread = threading.Thread(target=read)
    thread.start()
    yield
    done.set()
    thread.join()


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 0),
        ("wait=5", 5),
        ("Wait=5", 5),
        ("respond-async, wait=7", 7),
        ('wait="9"', 9),
        ("wait = 3; foo=bar", 3),
        ("wait=31", 30),
        ("wait=3, wait=9", 3),
        ("wait=0", 0),
        ("wait", 0),
        ("wait=x", 0),
        ("wait=-1", 0),
        ("wait=1.5", 0),
        ("wait=" + "9" * 99, 0),
        ("wait=²", 0),
        ("waiting=5", 0),
    ],
)
def test_what_is_preferred(header: str | None, seconds: int) -> None:
    assert preferred_wait(header, 30) == seconds


@pytest.mark.usefixtures("reader")
def test_the_finding_comes_with_the_answer(api: Service) -> None:
    answer = api.client.post("/v1/jobs?filename=a.jpg", data=films.jpeg(1), headers=WAIT)
    assert answer.status_code == 200
    assert answer.headers["Preference-Applied"] == "wait=60"
    assert "Prefer" in answer.headers["Vary"]
    item = answer.get_json()
    assert (item["name"], item["status"]) == ("a.jpg", "succeeded")
    assert item["prediction"]["top_label"] == "bacterial_pneumonia"
    assert answer.headers["Location"] == f"/v1/jobs/{item['job_id']}"
    assert api.client.get(item["links"]["self"]).get_json() == item


def test_a_film_that_was_read_before_needs_no_wait(api: Service) -> None:
    api.job(("a.jpg", films.jpeg(1)))
    api.read_all()
    answer = api.client.post("/v1/jobs", data=films.jpeg(1), headers=WAIT)
    assert (answer.status_code, answer.get_json()["reused"]) == (200, True)


def test_a_film_of_a_form_that_cannot_be_read(api: Service) -> None:
    answer = api.client.post("/v1/jobs", **form(("a.jpg", b"text")), headers=WAIT)
    assert answer.status_code == 200
    assert answer.get_json()["error"]["code"] == "unsupported_format"


def test_a_film_that_is_not_ready_in_time(api: Service) -> None:
    answer = api.client.post("/v1/jobs", data=films.jpeg(1), headers={"Prefer": "wait=1"})
    assert (answer.status_code, answer.get_json()["status"]) == (202, "running")
    assert "Preference-Applied" not in answer.headers


def test_a_replay_waits_too(api: Service) -> None:
    keyed = {"Idempotency-Key": "k"}
    assert api.client.post("/v1/jobs", data=films.jpeg(1), headers=keyed).status_code == 202
    api.read_all()
    answer = api.client.post("/v1/jobs", data=films.jpeg(1), headers=keyed | WAIT)
    assert (answer.status_code, answer.headers["Idempotency-Replayed"]) == (200, "true")


def test_several_films_and_archives_are_not_waited_for(api: Service) -> None:
    two = form(("a.jpg", films.jpeg(1)), ("b.jpg", films.jpeg(2)))
    assert api.client.post("/v1/jobs", **two, headers=WAIT).status_code == 202
    assert api.client.post("/v1/jobs", data=zip_of_films(1), headers=WAIT).status_code == 202


def test_nobody_waits_when_all_seats_are_taken(tmp_path: Path) -> None:
    with service(tmp_path, max_waits=0) as api:
        answer = api.client.post("/v1/jobs", data=films.jpeg(1), headers=WAIT)
        assert answer.status_code == 202


def test_a_job_that_was_taken_stays_taken_when_the_wait_fails(
    api: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*arguments: object) -> None:
        raise DatabaseUnavailable("It went away.")

    monkeypatch.setattr(api.parts.repository.jobs, "get", away)
    answer = api.client.post("/v1/jobs", data=films.jpeg(1), headers=WAIT)
    assert answer.status_code == 202
    (job,) = api.parts.repository.jobs.page(DEFAULT_TENANT, limit=9).items
    assert job.id == answer.get_json()["id"]
