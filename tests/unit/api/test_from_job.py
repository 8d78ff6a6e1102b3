"""A job of the stored films of another: asked for, refused, told, found."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lungline.domain import DEFAULT_TENANT
from storage.claims import Outcome
from storage.entries import NewEntry
from storage.items import NewItem
from tests.factories import archives, films
from tests.factories.rows import submit, submit_archive
from tests.factories.services import BUNDLE, Service, form, prediction, service, write_bundle

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


def test_an_interactive_job_is_the_same_too_when_its_source_has_gone(
    api: Service, source: dict[str, Any]
) -> None:
    def send() -> Any:
        document = {"from_job": source["id"], "priority": "interactive"}
        return api.client.post("/v1/jobs", json=document, headers={"Idempotency-Key": "k"})

    job = send().get_json()
    api.parts.repository.deletions.delete(DEFAULT_TENANT, source["id"])

    again = send()

    assert (again.status_code, again.get_json()["id"]) == (202, job["id"])


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


def expanded(api: Service, source: dict[str, Any], **document: Any) -> dict[str, Any]:
    """A job of the films of another, expanded and read."""
    job = ask(api, from_job=source["id"], **document).get_json()
    repository = api.parts.repository
    expansion = repository.expansions.claim("w1", 60.0)
    assert expansion is not None
    films_ = repository.lineage.films(DEFAULT_TENANT, source["id"], 0, 10)
    entries = [
        NewEntry(one.name, NewItem(one.name, one.film, external=one.external)) for one in films_
    ]
    repository.expansions.commit_slice(
        expansion.lease_id, job["id"], entries=entries, cursor=len(films_), entries_total=None
    )
    repository.expansions.finish(expansion.lease_id, job["id"])
    batch = repository.claims.claim("w1", limit=64, lease_seconds=60, hard_seconds=60)
    assert batch is not None
    found = prediction(top_label="normal")
    repository.claims.finish(batch.lease_id, [Outcome(one.id, found) for one in batch.items])
    return dict(job)


def test_changes_come_in_pages_and_in_sum(api: Service, source: dict[str, Any]) -> None:
    job = expanded(api, source, model=NEWER)
    address = f"/v1/jobs/{job['id']}/changes"

    first = api.client.get(address, query_string={"limit": 1})
    second = api.client.get(first.headers["Link"].partition(">")[0].removeprefix("<"))

    (change,) = first.get_json()["items"]
    assert (change["seq"], change["name"], change["external_id"]) == (0, "a.jpg", None)
    assert change["from"]["top_label"] == "bacterial_pneumonia"
    assert change["to"]["top_label"] == "normal"
    assert change["to"]["probabilities"]["bacterial_pneumonia"] == 0.7
    item = api.client.get(f"/v1/items/{change['to']['item_id']}").get_json()
    assert (item["job_id"], item["name"]) == (job["id"], "a.jpg")
    moved = {"from": "bacterial_pneumonia", "to": "normal", "count": 2}
    assert first.get_json()["summary"] == [moved]
    body = second.get_json()
    assert ([one["name"] for one in body["items"]], body["summary"]) == (["b.jpg"], None)
    assert body["next"] is None
    tag = {"If-None-Match": second.headers["ETag"]}
    assert api.client.get(second.request.full_path, headers=tag).status_code == 304


def test_what_has_no_changes_says_why(api: Service, source: dict[str, Any]) -> None:
    def code(job_id: str, **query: str) -> tuple[int, str]:
        answer = api.client.get(f"/v1/jobs/{job_id}/changes", query_string=query)
        return answer.status_code, answer.get_json()["code"]

    job = expanded(api, source, model=NEWER)
    assert code(source["id"]) == (409, "not_read_again")
    assert code("0" * 32) == (404, "job_not_found")
    assert code(job["id"], cursor="x") == (422, "invalid_parameter")
    assert code(job["id"], label="x") == (422, "invalid_parameter")
    api.parts.repository.deletions.delete(DEFAULT_TENANT, source["id"])
    assert code(job["id"]) == (410, "source_deleted")
