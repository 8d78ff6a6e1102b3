"""One tenant sees, guesses, dedupes against and infers nothing of another.

Every operation of the OpenAPI document is tried with every id of the other tenant, so that a new
one is tried too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from werkzeug.test import TestResponse

from lungline.domain import DEFAULT_TENANT, Scope, new_id
from storage.events import EventType
from tests.factories import archives, films
from tests.factories.keyed import bearer
from tests.factories.services import Service, form, service

FILMS = (("eins.jpg", films.jpeg(1)), ("zwei.jpg", films.jpeg(2)), ("bad.jpg", b"no film"))
_SAYS_WHICH = ("instance", "request_id")
_ID = re.compile(r"\b[0-9a-f]{32}\b")
_CHANCE = re.compile(r"\b[0-9a-f]{32}\b|\b\d{4}-\d\d-\d\dT[\d:.]+Z?|\b\d+\.\d+\b")
_PARAMETER = re.compile(r"\{(\w+)\}")

Operation = tuple[str, str, dict[str, Any]]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with service(tmp_path_factory.mktemp("tenants"), auth="keys") as it:
        yield it


@pytest.fixture(scope="module")
def owner(api: Service) -> dict[str, str]:
    return bearer(api)


@pytest.fixture(scope="module")
def stranger(api: Service) -> dict[str, str]:
    return bearer(api, Scope.READ, Scope.SUBMIT, Scope.MONITOR, tenant="stranger")


@pytest.fixture(scope="module")
def operations(api: Service) -> list[Operation]:
    paths = api.client.get("/openapi.json").get_json()["paths"]
    return [
        (method.upper(), path, operation | {"method": method.upper()})
        for path, methods in paths.items()
        for method, operation in methods.items()
        if operation["security"] and "monitor" not in str(operation["security"])
    ]


@pytest.fixture(scope="module")
def before(
    api: Service, operations: list[Operation], stranger: dict[str, str]
) -> dict[str, TestResponse]:
    """What the stranger was told while nobody had anything."""
    return {
        path: ask(api, operation, path, stranger)
        for method, path, operation in operations
        if method == "GET" and "{" not in path
    }


@pytest.fixture(scope="module")
def ids(api: Service, owner: dict[str, str], before: object) -> dict[str, str]:
    """What the owner has, by the names of the parameters that take it."""
    made = api.client.post("/v1/jobs", **form(*FILMS), headers=owner).get_json()
    api.read_all()
    archive = archives.zip_of({"drei.jpg": films.jpeg(3)})
    api.client.post("/v1/jobs", data=archive, content_type="application/zip", headers=owner)
    upload = {"filename": "vier.zip", "size": 1_000}
    opened = api.client.post("/v1/uploads", json=upload, headers=owner).get_json()
    items = api.client.get(f"/v1/jobs/{made['id']}/items", headers=owner).get_json()["items"]
    (key, *_) = api.parts.repository.keys.page(limit=1, tenant=DEFAULT_TENANT).items
    webhook = api.parts.repository.webhooks.create(
        DEFAULT_TENANT, "https://hooks.example", {EventType.FINISHED}
    ).webhook
    asked = api.client.post(f"/v1/jobs/{made['id']}/exports", json={"format": "csv"}, headers=owner)
    return {
        "export_id": asked.get_json()["id"],
        "job_id": made["id"],
        "item_id": items[0]["id"],
        "upload_id": opened["id"],
        "key_id": key.id,
        "webhook_id": webhook.id,
        "delivery_id": api.parts.repository.webhooks.ping(DEFAULT_TENANT, webhook.id).id,
    }


def ask(
    api: Service, operation: dict[str, Any], address: str, headers: dict[str, str]
) -> TestResponse:
    """Send a request that is right but for its ids."""
    query = {
        each["name"]: example(each["schema"])
        for each in operation.get("parameters", ())
        if each["in"] == "query" and each.get("required")
    }
    content = operation.get("requestBody", {}).get("content", {})
    body: dict[str, Any] = {}
    if "application/json" in content:
        body["json"] = content["application/json"].get("example", {})
    elif content:
        body = {"data": b"x" * 1_000, "content_type": next(iter(content))}
    return api.client.open(
        f"{address}?{urlencode(query)}", method=operation["method"], headers=headers, **body
    )


def example(schema: dict[str, Any]) -> object:
    return schema["enum"][0] if "enum" in schema else 1


def told(answer: TestResponse) -> tuple[int, dict[str, Any] | str]:
    """What an answer says, but for the words that say which request it answers."""
    if not answer.is_json and "problem+json" not in answer.mimetype:
        return answer.status_code, answer.text
    # An error may repeat the id that it was given.
    body = json.loads(_ID.sub("ID", answer.text))
    return answer.status_code, {k: v for k, v in body.items() if k not in _SAYS_WHICH}


def test_a_foreign_id_is_answered_like_one_that_nobody_has(
    api: Service, operations: list[Operation], ids: dict[str, str], stranger: dict[str, str]
) -> None:
    tried = set()
    for method, path, operation in operations:
        if "{" not in path:
            continue
        nobodys = _PARAMETER.sub(lambda found: new_id(), path)
        for foreign in ids.values():
            theirs = _PARAMETER.sub(lambda found, foreign=foreign: foreign, path)  # type: ignore[misc]
            answer = ask(api, operation, theirs, stranger)
            named = {scope for entry in operation["security"] for scope in entry["key"]}
            expected = 404 if {"read", "submit"} & named else 403
            assert answer.status_code == expected, (method, path, answer.text)
            assert told(answer) == told(ask(api, operation, nobodys, stranger)), (method, path)
        tried.add(operation["operationId"])
    assert {"getJob", "getItem", "getResults", "getPictures", "deleteJob", "getUpload"} <= tried
    assert {"getExport", "cancelExport", "deleteExport", "listChanges", "getWebhook"} <= tried


def test_a_job_cannot_be_made_of_a_foreign_upload(
    api: Service, ids: dict[str, str], stranger: dict[str, str]
) -> None:
    answers = [
        api.client.post("/v1/jobs", json={"upload": upload}, headers=stranger)
        for upload in (ids["upload_id"], new_id())
    ]
    assert told(answers[0]) == told(answers[1])
    assert answers[0].status_code == 404


def test_a_job_cannot_be_made_of_a_foreign_job(
    api: Service, ids: dict[str, str], stranger: dict[str, str]
) -> None:
    answers = [
        api.client.post("/v1/jobs", json={"from_job": job}, headers=stranger)
        for job in (ids["job_id"], new_id())
    ]
    assert told(answers[0]) == told(answers[1])
    assert answers[0].status_code == 404


def test_a_foreign_etag_is_answered_like_one_that_nobody_has(
    api: Service, ids: dict[str, str], owner: dict[str, str], stranger: dict[str, str]
) -> None:
    """Who was told an ETag, or has guessed one, does not learn whether it is right."""
    for path in (f"/v1/jobs/{ids['job_id']}", f"/v1/items/{ids['item_id']}/film", "/v1/jobs"):
        tag = api.client.get(path, headers=owner).headers["ETag"]
        assert api.client.get(path, headers=owner | {"If-None-Match": tag}).status_code == 304
        answers = [
            api.client.get(path, headers=stranger | {"If-None-Match": each})
            for each in (tag, '"' + "0" * 32 + '"')
        ]
        assert told(answers[0]) == told(answers[1])
        assert answers[0].status_code in (200, 404)


def test_a_search_finds_nothing_of_others(tmp_path: Path) -> None:
    with service(tmp_path, auth="keys") as api:
        owner, stranger = bearer(api), bearer(api, tenant="stranger")
        words = '{"ward": "3"}'
        sent = form(
            ("a.dcm", films.dicom(1)), external_id="A-17", metadata=words, film_metadata=words
        )
        made = api.client.post("/v1/jobs", **sent, headers=owner)
        assert made.status_code == 202, made.text
        items = api.client.get(f"{made.get_json()['links']['self']}/items", headers=owner)
        (item,) = items.get_json()["items"]
        for query in (
            "items?external_id=A-17",
            f"items?study={item['study_hash']}",
            "items?metadata.ward=3",
            "jobs?metadata.ward=3",
        ):
            found = api.client.get(f"/v1/{query}", headers=owner)
            assert found.status_code == 200, (query, found.text)
            assert len(found.get_json()["items"]) == 1, query
            assert api.client.get(f"/v1/{query}", headers=stranger).get_json()["items"] == []
        again = api.client.post("/v1/jobs", **sent, headers=stranger).get_json()
        theirs = api.client.get(f"{again['links']['self']}/items", headers=stranger)
        (other,) = theirs.get_json()["items"]
        assert other["film"]["sha256"] == item["film"]["sha256"]
        assert other["study_hash"] != item["study_hash"], "hashes tell nothing across tenants"


def test_events_go_to_webhooks_of_their_tenant_only(tmp_path: Path) -> None:
    with service(tmp_path, auth="keys") as api:
        webhooks = api.parts.repository.webhooks
        ours, theirs = (
            webhooks.create(tenant, "https://hooks.example", set(EventType)).webhook.id
            for tenant in (DEFAULT_TENANT, "stranger")
        )
        made = api.client.post("/v1/jobs", data=films.jpeg(1), headers=bearer(api)).get_json()
        api.read_all()
        webhooks.fan_out()
        told_us = webhooks.deliveries(DEFAULT_TENANT, ours, limit=100).items
        assert {delivery.job_id for delivery in told_us} == {made["id"]}
        assert webhooks.deliveries("stranger", theirs, limit=100).items == []


def test_nothing_tells_how_much_others_do(tmp_path: Path, operations: list[Operation]) -> None:
    """Not even numbers that all share: alone or among others, a tenant is told the same."""
    alone, among = (
        _life(tmp_path / name, operations, busy=name == "among") for name in ("alone", "among")
    )
    streams = [alone[f"{turn} /v1/jobs/{{job_id}}/events"] for turn in ("first", "second")]
    assert streams[0] == streams[1]
    assert streams[0].count("\nid: ") == 5
    assert "first /v1/webhooks/{webhook_id}/deliveries" in alone
    assert among == alone


def _life(folder: Path, operations: list[Operation], *, busy: bool) -> dict[str, str]:
    """Let a tenant make two jobs, alone or among others; give all that it is told."""
    folder.mkdir()
    said = dict[str, str]()
    with service(folder, auth="keys") as api:
        headers, repository = bearer(api), api.parts.repository
        url, kinds = "https://hooks.example", set(EventType)
        hook = repository.webhooks.create(DEFAULT_TENANT, url, kinds).webhook.id
        for number, turn in enumerate(("first", "second")):
            sent = form(("eins.jpg", films.jpeg(number)), ("bad.jpg", b"no film"))
            made = api.client.post("/v1/jobs", **sent, headers=headers).get_json()
            for step in ("pause", "resume"):
                if busy:
                    _work_of_others(api)
                api.client.post(f"/v1/jobs/{made['id']}/{step}", headers=headers)
            api.read_all()
            repository.webhooks.fan_out()
            items = api.client.get(made["links"]["items"], headers=headers).get_json()["items"]
            ids = {"job_id": made["id"], "item_id": items[0]["id"], "webhook_id": hook}
            for method, path, operation in operations:
                if method == "GET" and ids.keys() >= set(_PARAMETER.findall(path)):
                    answer = ask(api, operation, path.format(**ids), headers)
                    said[f"{turn} {path}"] = f"{answer.status_code} {_beyond_chance(answer)}"
    return said


def _work_of_others(api: Service) -> None:
    repository = api.parts.repository
    headers = bearer(api, tenant="stranger")
    job = api.client.post("/v1/jobs", data=films.jpeg(9), headers=headers).get_json()
    repository.jobs.cancel("stranger", job["id"])
    upload = {"filename": "vier.zip", "size": 1_000}
    assert api.client.post("/v1/uploads", json=upload, headers=headers).status_code == 201
    hook = repository.webhooks.create("stranger", "https://hooks.example", set(EventType))
    repository.webhooks.ping("stranger", hook.webhook.id)


def _beyond_chance(answer: TestResponse) -> str:
    """What an answer says, but for ids, times and how long something took."""
    if not answer.mimetype.startswith(("text/", "application/json", "application/x-ndjson")):
        return answer.mimetype
    text = _CHANCE.sub("0", answer.text)
    if not answer.is_json or "items" not in answer.get_json():
        return text
    # Ids of one millisecond come in any order.
    return str(sorted(map(str, json.loads(text)["items"])))


def test_lists_and_counts_tell_nothing_of_others(
    api: Service,
    operations: list[Operation],
    before: dict[str, TestResponse],
    ids: dict[str, str],
    stranger: dict[str, str],
) -> None:
    by_path = {path: operation for method, path, operation in operations if method == "GET"}
    assert {"/v1/jobs", "/v1/uploads", "/v1/limits"} <= before.keys()
    for path, answer in before.items():
        assert told(ask(api, by_path[path], path, stranger)) == told(answer), path


def test_the_owner_still_has_everything(
    api: Service, operations: list[Operation], ids: dict[str, str], owner: dict[str, str]
) -> None:
    """So the requests above were right but for their ids, and did nothing."""
    for method, path, operation in sorted(operations, key=lambda each: each[0] == "DELETE"):
        known = {name: ids.get(name) for name in _PARAMETER.findall(path)}
        if not known or None in known.values() or "admin" in str(operation["security"]):
            continue
        answer = ask(api, operation, path.format(**known), owner)
        assert answer.status_code not in (401, 403, 404), (method, path, answer.text)


def test_a_film_of_another_tenant_is_read_and_kept_anew(tmp_path: Path) -> None:
    with service(tmp_path, auth="keys") as api:
        owner, stranger = bearer(api), bearer(api, tenant="stranger")
        film = {"data": films.jpeg(1)}
        api.client.post("/v1/jobs", **film, headers=owner | {"Idempotency-Key": "one"})
        api.read_all()
        again = api.client.post("/v1/jobs", **film, headers=owner).get_json()
        assert again["counts"]["reused"] == 1, "for the same tenant it is"

        headers = stranger | {"Idempotency-Key": "one"}
        made = api.client.post("/v1/jobs", **film, headers=headers)
        assert made.status_code == 202
        assert "Idempotency-Replayed" not in made.headers
        assert made.get_json()["counts"]["reused"] == 0
        assert made.get_json()["counts"]["queued"] == 1
        digests = {key.rsplit("/", 1)[1] for key in api.parts.store.keys("default/films/")}
        assert {key.rsplit("/", 1)[1] for key in api.parts.store.keys("stranger/films/")} == digests
        other = api.client.post("/v1/jobs", data=films.jpeg(2), headers=headers)
        assert other.status_code == 409, "its own key was used for another film"
