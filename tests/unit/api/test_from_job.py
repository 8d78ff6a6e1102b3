"""A job of the stored films of another: asked for, refused, told, found."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lungline.domain import DEFAULT_TENANT
from tests.factories import archives, films
from tests.factories.rows import submit, submit_archive
from tests.factories.services import BUNDLE, Service, form, service, write_bundle

NEWER = "paediatric-pneumonia@0.2.0"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Service]:
    write_bundle(tmp_path / "bundles", "0.2.0")
    with service(tmp_path, bundle=BUNDLE) as it:
        yield it


@pytest.fixture
def source(api: Service) -> dict[str, Any]:
    job = api.job(("a.jpg", films.jpeg(1)), ("b.jpg", films.jpeg(2)))
    api.read_all()
    return job


def ask(api: Service, **document: Any) -> Any:
    return api.client.post("/v1/jobs", json=document)


def test_as_json_or_in_a_form(api: Service, source: dict[str, Any]) -> None:
    answers = [
        ask(api, from_job=source["id"], model=NEWER, name="again", metadata={"a": 1}),
        ask(api, from_job=source["id"], priority="interactive", expires_in=60),
        api.client.post("/v1/jobs", **form(from_job=source["id"])),
    ]

    jobs = [answer.get_json() for answer in answers]
    for answer, job in zip(answers, jobs, strict=True):
        assert answer.status_code == 202, answer.text
        assert (job["status"], job["source"]) == ("expanding", "job")
        assert job["from_job"] == source["id"]
    assert (jobs[0]["bundle"], jobs[0]["name"], jobs[0]["metadata"]) == (NEWER, "again", {"a": 1})
    assert jobs[1]["bundle"] == BUNDLE
    assert source["from_job"] is None


def test_the_source_leads_to_the_jobs_made_of_it(api: Service, source: dict[str, Any]) -> None:
    made = [ask(api, from_job=source["id"]).get_json()["id"] for _ in range(2)]
    other = api.job(("c.jpg", films.jpeg(3)))

    def found(job_id: str) -> list[str]:
        answer = api.client.get("/v1/jobs", query_string={"from_job": job_id})
        return [job["id"] for job in answer.get_json()["items"]]

    assert found(source["id"]) == made[::-1]
    assert found(other["id"]) == found("nothing") == []


def test_the_same_key_and_source_give_the_same_job(api: Service, source: dict[str, Any]) -> None:
    def send(**document: Any) -> int:
        headers = {"Idempotency-Key": "k"}
        return api.client.post("/v1/jobs", json=document, headers=headers).status_code

    other = api.job(("c.jpg", films.jpeg(3)))
    assert [send(from_job=source["id"]), send(from_job=source["id"])] == [202, 202]
    assert [send(from_job=other["id"]), send(from_job=source["id"], model=NEWER)] == [409, 409]
    api.parts.repository.deletions.delete(DEFAULT_TENANT, source["id"])
    assert send(from_job=source["id"]) == 202  # it was taken before


@pytest.mark.parametrize(
    ("document", "status", "code"),
    [
        ({"from_job": 7}, 422, "invalid_parameter"),
        ({"from_job": "../x"}, 404, "job_not_found"),
        ({"from_job": "0" * 32}, 404, "job_not_found"),
        ({"from_job": "0" * 32, "priority": "interactive"}, 404, "job_not_found"),
        ({"from_job": "0" * 32, "upload": "0" * 32}, 422, "invalid_parameter"),
        ({"from_job": "0" * 32, "manifest": [{"name": "a"}]}, 422, "invalid_parameter"),
        ({"from_job": "0" * 32, "external_id": "A"}, 422, "invalid_parameter"),
        ({"from_job": "0" * 32, "model": "nobody"}, 422, "bundle_not_found"),
    ],
)
def test_what_is_refused(document: dict[str, Any], status: int, code: str, api: Service) -> None:
    answer = ask(api, **document)

    assert (answer.status_code, answer.get_json()["code"]) == (status, code)
    assert api.client.get("/v1/jobs").get_json()["items"] == []


def test_another_tenants_job_is_none(api: Service) -> None:
    theirs = submit(api.parts.repository, tenant="ward")

    answer = ask(api, from_job=theirs.id)

    assert (answer.status_code, answer.get_json()["code"]) == (404, "job_not_found")


def test_a_job_that_still_grows_is_refused_by_name(api: Service) -> None:
    growing = api.submit(("a.zip", archives.zip_of_films(1))).get_json()

    answer = ask(api, from_job=growing["id"])

    assert (answer.status_code, answer.get_json()["code"]) == (409, "source_expanding")
    api.client.post(f"/v1/jobs/{growing['id']}/cancel")  # now it has all it will ever have
    assert ask(api, from_job=growing["id"]).status_code == 202


def test_interactive_jobs_stay_small(api: Service) -> None:
    source = submit(api.parts.repository, 17)

    answer = ask(api, from_job=source.id, priority="interactive")

    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_parameter")
    assert ask(api, from_job=source.id).status_code == 202
    assert submit_archive(api.parts.repository).from_job is None
