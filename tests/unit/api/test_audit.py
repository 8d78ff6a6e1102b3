"""What is done leaves an event; what is refused leaves none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lungline.domain import DEFAULT_TENANT, Scope
from lungline.errors import DatabaseUnavailable
from storage.events import EventType
from tests.factories import films
from tests.factories.bundle_zips import bundle_parts, zipped
from tests.factories.keyed import bearer
from tests.factories.services import BOUNDARY, BUNDLE, Service, form, multipart, service
from tests.factories.work import exporter
from workers.export import export_results


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Service]:
    with service(tmp_path, auth="keys") as it:
        yield it


def events(api: Service, admin: dict[str, str], query: str = "") -> list[dict[str, Any]]:
    return list(api.client.get(f"/v1/audit{query}", headers=admin).get_json()["items"])


def key_id(headers: dict[str, str]) -> str:
    return headers["Authorization"].split("_")[1]


def of_ward_7(api: Service, headers: dict[str, str]) -> str:
    """Send a job of two films whose metadata name a ward; return its id."""
    manifest = b"".join(
        b'{"name": "%s.jpg", "metadata": {"ward": 7}}\n' % name for name in (b"a", b"b")
    )
    parts = [("films", f"{name}.jpg", films.jpeg(number)) for number, name in enumerate("ab")]
    body = multipart(("manifest", "films.ndjson", manifest), *parts)
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    sent = api.client.post("/v1/jobs", data=body, content_type=kind, headers=headers)
    assert sent.status_code == 202, sent.text
    return str(sent.get_json()["id"])


def test_each_thing_done_leaves_an_event(api: Service) -> None:
    admin, ward = bearer(api, Scope.ADMIN), bearer(api, tenant="ward")
    sent = api.client.post("/v1/jobs", **form(("a.jpg", films.jpeg(1))), headers=ward)
    job = sent.get_json()["id"]
    for kind in ("results?format=csv", "results?format=ndjson", "pictures?kind=mask", "items"):
        assert api.client.get(f"/v1/jobs/{job}/{kind}", headers=ward).status_code == 200
    api.client.post(f"/v1/jobs/{job}/cancel", headers=ward)
    assert api.client.delete(f"/v1/jobs/{job}", headers=ward).status_code == 204
    announced = {"filename": "a.zip", "size": 10}
    upload = api.client.post("/v1/uploads", json=announced, headers=ward).get_json()["id"]
    api.client.delete(f"/v1/uploads/{upload}", headers=ward)
    made = api.client.post("/v1/keys", json={}, headers=admin).get_json()["id"]
    api.client.delete(f"/v1/keys/{made}", headers=admin)

    found = events(api, admin)

    assert [(event["action"], event["target"]) for event in reversed(found)] == [
        ("job.submitted", job),
        ("results.read", job),  # once a minute
        ("job.deleted", job),
        ("upload.deleted", upload),
        ("key.created", made),
        ("key.revoked", made),
    ]
    assert [event["key_id"] for event in found] == [key_id(admin)] * 2 + [key_id(ward)] * 4
    assert found[-1]["request_id"] == sent.headers["X-Request-Id"]
    assert events(api, admin, "?tenant=ward") == found[2:]
    assert events(api, admin, f"?limit=2&cursor={found[3]['id']}") == found[4:6]


def test_whatever_way_findings_are_read_an_event_names_the_job(api: Service) -> None:
    """Each way by a key of its own, since the same key is told of once a minute."""
    admin, sender = bearer(api, Scope.ADMIN), bearer(api)
    job = of_ward_7(api, sender)
    api.read_all()
    (film, _) = api.parts.repository.items.page(DEFAULT_TENANT, job, limit=9).items
    external = api.client.post(
        "/v1/jobs?external_id=e7", data=films.jpeg(1), headers=sender
    ).get_json()["id"]
    pictures = ("film", "mask", "heatmap", "clahe", "overlay")
    ways = {
        f"/v1/jobs/{job}/rows": [job],
        f"/v1/jobs/{job}/items": [job],
        f"/v1/jobs/{job}/results": [job],
        f"/v1/jobs/{job}/pictures?kind=mask": [job],
        f"/v1/items/{film.id}": [job],
        **{f"/v1/items/{film.id}/{kind}": [job] for kind in pictures},
        "/v1/items?external_id=e7": [external],
        "/v1/items?metadata.ward=7": [job],
        f"/v1/items?study={'0' * 32}": [],  # nothing is found
    }
    for address, targets in ways.items():
        before = len(events(api, admin, "?limit=1000"))
        reader = bearer(api, Scope.READ)
        for _ in range(2):
            assert api.client.get(address, headers=reader).status_code == 200, address
        new = events(api, admin, "?limit=1000")[: -before or None]
        found = [(event["action"], event["target"], event["key_id"]) for event in new]
        assert found == [("results.read", target, key_id(reader)) for target in targets], address


def test_a_search_tells_of_each_job_it_found_once(api: Service) -> None:
    admin, ward = bearer(api, Scope.ADMIN), bearer(api)
    sent = [of_ward_7(api, ward) for _ in range(3)]
    before = len(events(api, admin))
    for query in ("", "&limit=1", ""):
        answer = api.client.get(f"/v1/items?metadata.ward=7{query}", headers=ward)
        assert answer.status_code == 200
    new = events(api, admin)[:-before]
    assert sorted(event["target"] for event in new) == sorted(sent)
    # Who looks through the films that were found is told of already.
    (film, _) = api.parts.repository.items.page(DEFAULT_TENANT, sent[0], limit=9).items
    assert api.client.get(f"/v1/items/{film.id}/film", headers=ward).status_code == 200
    assert len(events(api, admin)) == before + 3


def test_every_operation_that_tells_findings_declares_an_event(api: Service) -> None:
    document = api.client.get("/openapi.json").get_json()
    schemas = document["components"]["schemas"]

    def tells(node: Any, seen: frozenset[str] = frozenset()) -> bool:
        """Whether a schema, or what it refers to, has findings."""
        if isinstance(node, list):
            return any(tells(each, seen) for each in node)
        if not isinstance(node, dict):
            return False
        name = str(node.get("$ref", "")).rpartition("/")[2]
        if name and name not in seen:
            return tells(schemas[name], seen | {name})
        if {"findings", "probabilities", "top_label"} & node.get("properties", {}).keys():
            return True
        return any(tells(each, seen) for each in node.values())

    def told(operation: dict[str, Any]) -> bool:
        """Whether an answer has findings, or is a file: a picture, a table, a zip."""
        content = [
            (kind, each.get("schema", {}))
            for status, answer in operation["responses"].items()
            if status.startswith("2")
            for kind, each in answer.get("content", {}).items()
        ]
        files = {"text/event-stream", "text/plain", "application/json"}
        return any(kind not in files or tells(schema) for kind, schema in content)

    telling = {
        operation["operationId"]
        for methods in document["paths"].values()
        for operation in methods.values()
        if told(operation)
    }
    declared = {
        view._spec["operation_id"]
        for view in api.app.view_functions.values()
        if hasattr(view, "lungline_audited") and hasattr(view, "_spec")
    }
    reading = {"listRows", "listItems", "getItem", "findItems", "getResults", "listChanges"}
    pictures = {"getFilm", "getMask", "getHeatmap", "getClahe", "getOverlay", "getPictures"}
    # Whose link it is was told when it was given out, by `getExport`.
    by_link = {"getExportContent"}
    assert telling == reading | pictures | by_link | {"submitJob"}
    assert telling - by_link <= declared


def test_exports_leave_events_once_they_are_asked_for_and_given(api: Service) -> None:
    admin, ward = bearer(api, Scope.ADMIN), bearer(api)
    sent = api.client.post("/v1/jobs", **form(("a.jpg", films.jpeg(1))), headers=ward)
    job = sent.get_json()["id"]
    api.read_all()
    asked = api.client.post(f"/v1/jobs/{job}/exports", json={"format": "csv"}, headers=ward)
    export = asked.get_json()["id"]
    assert api.client.get(f"/v1/exports/{export}", headers=ward).status_code == 200  # waits
    with exporter(api.parts.settings) as worker:
        assert export_results(worker)
    for _ in range(2):
        assert api.client.get(f"/v1/exports/{export}", headers=ward).get_json()["url"]

    found = [(event["action"], event["target"]) for event in events(api, admin)]

    told = [("export.read", export), ("export.asked", export), ("job.submitted", job)]
    assert found == told  # the reading once a minute


def test_what_is_refused_leaves_none(api: Service) -> None:
    admin, ward, other = bearer(api, Scope.ADMIN), bearer(api), bearer(api, tenant="other")
    job = api.client.post("/v1/jobs", data=films.jpeg(1), headers=ward).get_json()["id"]
    before = events(api, admin)
    assert api.client.post("/v1/jobs", headers=ward).status_code == 400
    assert api.client.get(f"/v1/jobs/{job}/results", headers=other).status_code == 404
    assert api.client.delete(f"/v1/jobs/{job}", headers=ward).status_code == 409
    assert api.client.post("/v1/keys", json={}, headers=ward).status_code == 403
    assert api.client.get(f"/v1/jobs/{job}/results").status_code == 401
    assert events(api, admin) == before
    assert api.client.get("/v1/audit", headers=ward).status_code == 403
    assert api.client.get("/v1/audit?cursor=x", headers=admin).status_code == 422


def test_without_keys_it_is_told_too(tmp_path: Path) -> None:
    with service(tmp_path) as api:
        job = api.job(("a.jpg", films.jpeg(1)))
        (event,) = events(api, {})
        assert (event["target"], event["key_id"], event["tenant"]) == (job["id"], None, "default")


def test_webhooks_and_exports_leave_events(api: Service) -> None:
    admin, ward = bearer(api, Scope.ADMIN), bearer(api)
    hook = api.parts.repository.webhooks.create(
        DEFAULT_TENANT, "https://hooks.example", {EventType.FINISHED}
    ).webhook.id
    ping = api.client.post(f"/v1/webhooks/{hook}/ping", headers=ward).get_json()["id"]
    again = f"/v1/webhooks/{hook}/deliveries/{ping}/redeliver"
    assert api.client.post(again, headers=ward).status_code == 202
    assert api.client.post(f"/v1/webhooks/{hook}/rotate", headers=ward).status_code == 200
    assert api.client.delete(f"/v1/webhooks/{hook}", headers=ward).status_code == 204
    assert api.client.delete(f"/v1/webhooks/{hook}", headers=ward).status_code == 404
    job = api.client.post("/v1/jobs", data=films.jpeg(1), headers=ward).get_json()
    api.read_all()
    export = api.client.post(
        f"/v1/jobs/{job['id']}/exports", json={"format": "csv"}, headers=ward
    ).get_json()
    assert api.client.delete(f"/v1/exports/{export['id']}", headers=ward).status_code == 204

    found = [(event["action"], event["target"]) for event in reversed(events(api, admin))]

    assert found == [
        ("webhook.pinged", hook),
        ("webhook.redelivered", hook),
        ("webhook.rotated", hook),
        ("webhook.deleted", hook),
        ("job.submitted", job["id"]),
        ("export.asked", export["id"]),
        ("export.deleted", export["id"]),
    ]


def test_models_leave_events_that_name_them(api: Service) -> None:
    admin, ward = bearer(api, Scope.ADMIN), bearer(api)
    body, zip_type = zipped(bundle_parts()), {"Content-Type": "application/zip"}
    for status in (201, 200):  # the second time it is there already
        added = api.client.post("/v1/models", data=body, headers=admin | zip_type)
        assert added.status_code == status
    activated = api.client.post(f"/v1/models/{BUNDLE}/activate", json={}, headers=admin)
    assert activated.status_code == 200
    for headers, status in ((ward, 403), (admin, 204), (admin, 404)):
        assert api.client.delete("/v1/models/chest@1", headers=headers).status_code == status
    assert api.client.post("/v1/models", data=b"x", headers=admin | zip_type).status_code == 422
    unknown = api.client.post("/v1/models/chest@1/activate", json={}, headers=admin)
    assert unknown.status_code == 404

    found = events(api, admin)

    assert [(event["action"], event["target"]) for event in reversed(found)] == [
        ("model.added", "chest@1"),
        ("model.activated", BUNDLE),
        ("model.removed", "chest@1"),
    ]
    assert {event["key_id"] for event in found} == {key_id(admin)}
    assert found[-1]["request_id"] != found[0]["request_id"]


@pytest.mark.parametrize("change", ["add", "activate", "remove"])
def test_a_model_is_not_changed_where_its_event_cannot_be_written(
    change: str, api: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = bearer(api, Scope.ADMIN, Scope.READ)
    zip_type = {"Content-Type": "application/zip"}

    def add(version: str) -> int:
        body = zipped(bundle_parts(version=version))
        return api.client.post("/v1/models", data=body, headers=admin | zip_type).status_code

    def listed() -> dict[str, bool]:
        served = api.client.get("/v1/models", headers=admin).get_json()["items"]
        return {model["key"]: model["active"] for model in served}

    def fail(*_: object) -> None:
        raise DatabaseUnavailable("The disk is full.")

    assert (add("1"), add("2")) == (201, 201)
    before = listed()
    monkeypatch.setattr("storage.audit._insert", fail)
    status = {
        "add": lambda: add("3"),
        "activate": lambda: (
            api.client.post("/v1/models/chest@2/activate", json={}, headers=admin).status_code
        ),
        "remove": lambda: api.client.delete("/v1/models/chest@2", headers=admin).status_code,
    }[change]()
    monkeypatch.undo()

    assert status == 503
    assert listed() == before


def test_a_change_whose_event_cannot_be_written_is_not_made(
    api: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = bearer(api, Scope.ADMIN)
    made = api.client.post("/v1/keys", json={}, headers=admin).get_json()["id"]

    def fail(*_: object) -> None:
        raise DatabaseUnavailable("The disk is full.")

    monkeypatch.setattr("storage.audit._insert", fail)
    assert api.client.delete(f"/v1/keys/{made}", headers=admin).status_code == 503
    monkeypatch.undo()

    (key,) = (key for key in api.parts.repository.keys.page(limit=9).items if key.id == made)
    assert key.revoked_at is None
    assert [event["action"] for event in events(api, admin)] == ["key.created"]
