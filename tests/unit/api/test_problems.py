"""Every error is a problem, whoever raised it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lungline import errors
from lungline.errors import EXPORT_CODES, FILM_CODES, JOB_CODES, FilmRejected, LunglineError
from tests.factories import films
from tests.factories.services import Service, service
from tests.fixtures.parts import REPOSITORY

DOCS = (REPOSITORY / "docs" / "errors.md").read_text(encoding="utf-8")


GIVEN_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Service]:
    with service(tmp_path) as it:
        yield it


def test_the_shape(api: Service) -> None:
    answer = api.client.get("/v1/nothing", headers={"X-Request-Id": GIVEN_ID})
    assert answer.content_type == "application/problem+json"
    assert answer.get_json() == {
        "type": "urn:lungline:error:not_found",
        "title": "There is no such thing",
        "status": 404,
        "detail": "There is nothing at this address. /openapi.json lists what there is.",
        "code": "not_found",
        "instance": "/v1/nothing",
        "request_id": GIVEN_ID,
    }
    assert answer.headers["X-Request-Id"] == GIVEN_ID


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("DELETE", "/v1/jobs", {"GET", "HEAD", "OPTIONS", "POST"}),
        ("POST", "/v1/jobs/" + "0" * 32 + "/items", {"GET", "HEAD", "OPTIONS"}),
        ("GET", "/v1/jobs/" + "0" * 32 + "/cancel", {"OPTIONS", "POST"}),
        ("POST", "/healthz", {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_a_wrong_method(method: str, path: str, allow: set[str], api: Service) -> None:
    answer = api.client.open(path, method=method)
    assert (answer.status_code, answer.get_json()["code"]) == (405, "method_not_allowed")
    assert set(answer.headers["Allow"].split(", ")) == allow


def test_a_crash_tells_nothing(api: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("secret of the inside")

    monkeypatch.setattr(api.parts.repository.jobs, "page", crash)
    answer = api.client.get("/v1/jobs")
    assert (answer.status_code, answer.get_json()["code"]) == (500, "internal_error")
    assert "secret" not in answer.text
    assert answer.get_json()["request_id"] == answer.headers["X-Request-Id"]


@pytest.mark.parametrize(
    "given",
    ["", "a b", "Hong.Gildong-2021", "H03-00329", "a" * 65, GIVEN_ID + "\t", "<script>", "é"],
)
def test_a_strange_request_id_is_replaced(given: str, api: Service) -> None:
    answer = api.client.get("/healthz", headers={"X-Request-Id": given.encode().decode("latin1")})
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-Id"])


def test_the_request_id_stands_on_log_lines(
    api: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    api.client.get("/v1/nothing", headers={"X-Request-Id": GIVEN_ID})
    api.client.post("/v1/jobs", data=films.jpeg(1))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[0]["request_id"] == GIVEN_ID
    assert all(line["request_id"] != GIVEN_ID for line in lines[1:])


def test_the_id_of_a_new_job_stands_on_its_request_s_line_and_on_no_other(
    api: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    job = api.job(("a.jpg", films.jpeg(1)))
    api.client.get("/v1/nothing")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    made, other = [line for line in lines if line["event"] == "request"]
    assert made["job_id"] == job["id"]
    assert made["request_id"]
    assert "job_id" not in other


def test_a_part_that_is_away_is_one_line_a_request(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with service(tmp_path, database_url="postgresql://nobody@127.0.0.1:1/none") as api:
        api.client.get("/v1/jobs")
    failed, ended = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (failed["code"], ended["status"]) == ("database_unavailable", 503)
    assert "OperationalError" in failed["cause"]
    assert "exception" not in failed


def test_every_code_is_explained() -> None:
    api_part, film_part, job_part, export_part, _ = re.split(r"^## ", DOCS, flags=re.MULTILINE)[1:]
    known = {
        (error.code, error.status)
        for error in vars(errors).values()
        if isinstance(error, type)
        and issubclass(error, LunglineError)
        and error is not FilmRejected
    }
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \|", api_part, re.MULTILINE)
    assert {(code, int(status)) for code, status in rows} == known
    assert len(rows) == len(known)
    assert re.findall(r"^\| `(\w+)` \|", film_part, re.MULTILINE) == list(FILM_CODES)
    assert re.findall(r"^\| `(\w+)` \|", job_part, re.MULTILINE) == list(JOB_CODES)
    assert re.findall(r"^\| `(\w+)` \|", export_part, re.MULTILINE) == list(EXPORT_CODES)
