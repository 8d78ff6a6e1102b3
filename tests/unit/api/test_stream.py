"""A job as server-sent events."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.stream import Follower
from lungline.domain import DEFAULT_TENANT
from tests.factories import films
from tests.factories.services import Service, service

FILMS = tuple((f"{n}.jpg", films.jpeg(n)) for n in range(3))


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Service]:
    with service(tmp_path) as it:
        yield it


def events(text: str) -> list[dict[str, str]]:
    """The events of a stream, as a browser would take it apart."""
    blocks = [block.splitlines() for block in text.split("\n\n") if block]
    fields = [dict(line.split(": ", 1) for line in block) for block in blocks]
    return [event for event in fields if "event" in event]


def path(job: dict[str, Any]) -> str:
    return f"{job['links']['self']}/events"


def follow(api: Service, job: dict[str, Any], **changes: Any) -> Iterator[str]:
    parts = api.parts
    return Follower(parts.repository, parts.lookout, DEFAULT_TENANT, job["id"], **changes).text(0)


def until_snapshot(stream: Iterator[str]) -> Iterator[str]:
    for text in stream:
        yield text
        if text.startswith("event: job\n"):
            return


def test_a_job_that_has_ended_is_told_whole(api: Service) -> None:
    job = api.job(*FILMS)
    api.read_all()
    answer = api.client.get(path(job), headers={"Accept-Encoding": "gzip"})
    assert answer.content_type == "text/event-stream; charset=utf-8"
    assert "Content-Encoding" not in answer.headers
    assert answer.text.startswith("retry: 2000\n\n")
    *happened, last = events(answer.text)
    assert happened[0]["event"] == "job.created"
    assert happened[-1]["event"] == "job.finished"
    assert json.loads(happened[0]["data"])["job_id"] == job["id"]
    assert [event["id"] for event in happened] == ["1", "2", "3"]
    assert (last["event"], "id" in last) == ("job", False)
    assert json.loads(last["data"]) == api.client.get(job["links"]["self"]).get_json()


def test_a_reader_goes_on_where_it_was(api: Service) -> None:
    job = api.job(*FILMS)
    api.read_all()
    first, *rest = events(api.client.get(path(job)).text)
    later = api.client.get(path(job), headers={"Last-Event-ID": first["id"]})
    assert events(later.text) == rest
    # And one that has had all is told not to return
    headers = {"Last-Event-ID": rest[-2]["id"]}
    assert api.client.get(path(job), headers=headers).status_code == 204


def test_each_change_is_told_until_the_end(api: Service) -> None:
    job = api.job(*FILMS)
    stream = follow(api, job)
    assert next(stream).startswith("retry")
    told = [event for text in until_snapshot(stream) for event in events(text)]
    assert told[0]["event"] == "job.created"
    snapshot = told[-1]
    assert json.loads(snapshot["data"])["counts"]["queued"] == 3
    api.read_all()
    kinds = [event["event"] for text in stream for event in events(text)]
    assert kinds[-2:] == ["job.finished", "job"]


def test_silence_is_filled_with_comments(api: Service) -> None:
    stream = follow(api, api.job(*FILMS), heartbeat_seconds=0)
    list(until_snapshot(stream))
    assert [next(stream) for _ in range(2)] == [": still here\n\n"] * 2


def test_a_reader_that_has_left_is_told_nothing(api: Service) -> None:
    assert len(list(follow(api, api.job(*FILMS), left=lambda: True))) == 1


def test_a_stream_ends_when_a_part_goes_away(api: Service) -> None:
    job = api.job(*FILMS)
    stream = follow(api, job)
    next(stream)
    database = api.parts.settings.data_dir / "lungline.db"
    api.parts.database.dispose()
    database.rename(database.with_suffix(".away"))
    database.mkdir()
    assert list(stream) == []


def test_streams_are_limited_and_give_their_place_back(tmp_path: Path) -> None:
    with service(tmp_path, max_event_streams=1) as api:
        job = api.job(*FILMS)
        first = api.client.get(path(job), buffered=False)
        for _ in range(2):
            refused = api.client.get(path(job))
            assert (refused.status_code, refused.get_json()["code"]) == (503, "too_many_streams")
            assert int(refused.headers["Retry-After"]) > 0
        first.close()
        api.read_all()
        for _ in range(3):
            # As a server does, the client closes what it has read
            assert api.client.get(path(job), buffered=True).status_code == 200
            assert api.client.head(path(job), buffered=True).status_code == 200


@pytest.mark.parametrize("given", ["x", "-1", "1.5", "3", "9" * 18, "9" * 19, "1 2"])
def test_an_id_that_is_none(given: str, api: Service) -> None:
    answer = api.client.get(path(api.job(*FILMS)), headers={"Last-Event-ID": given})
    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_parameter")


@pytest.mark.parametrize("job_id", ["0" * 32, "nonsense"])
def test_an_unknown_job(job_id: str, api: Service) -> None:
    answer = api.client.get(f"/v1/jobs/{job_id}/events")
    assert (answer.status_code, answer.get_json()["code"]) == (404, "job_not_found")
