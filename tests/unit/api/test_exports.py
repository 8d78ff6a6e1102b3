"""Results of a whole job that are made in the background, and fetched by a link."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.factories import films
from tests.factories.services import Service, service
from tests.factories.work import exporter
from tests.unit.api.test_openapi import conforms
from workers.export import export_results


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Service]:
    with service(tmp_path) as it:
        yield it


@pytest.fixture
def job(api: Service) -> dict[str, Any]:
    """A job that has been read."""
    job = api.job(("a.jpg", films.jpeg(1)), ("b.jpg", films.jpeg(2)))
    api.read_all()
    return job


def ask(api: Service, job: dict[str, Any], form: str = "csv") -> dict[str, Any]:
    answer = api.client.post(f"{job['links']['self']}/exports", json={"format": form})
    assert answer.status_code == 202, answer.text
    export = dict(answer.get_json())
    assert answer.headers["Location"] == export["links"]["self"]
    return export


def made(api: Service, export: dict[str, Any]) -> dict[str, Any]:
    with exporter(api.parts.settings) as worker:
        assert export_results(worker)
    return dict(api.client.get(export["links"]["self"]).get_json())


def test_what_is_made_in_the_background_is_what_is_streamed(
    api: Service, job: dict[str, Any]
) -> None:
    asked = ask(api, job)
    assert (asked["status"], asked["url"]) == ("queued", None)
    waiting = api.client.get(asked["links"]["self"])
    assert waiting.headers["Retry-After"] == "2"

    export = made(api, asked)

    spec = api.client.get("/openapi.json").get_json()
    conforms(spec, "Export", export)
    assert export["progress"] == {"items": 2, "total": 2}
    answer = api.client.get(export["url"])
    assert answer.data == api.client.get(f"{job['links']['results']}?format=csv").data
    assert export["sha256"] == hashlib.sha256(answer.data).hexdigest()
    assert export["size"] == len(answer.data)
    assert answer.content_type == "text/csv"
    assert export["filename"] in answer.headers["Content-Disposition"]
    assert ask(api, job)["id"] == export["id"]
    page = api.client.get(f"/v1/exports?job_id={job['id']}").get_json()
    conforms(spec, "ExportPage", page)
    assert [each["id"] for each in page["items"]] == [export["id"]]


def test_a_fetch_that_broke_off_goes_on_by_ranges(api: Service, job: dict[str, Any]) -> None:
    url = made(api, ask(api, job))["url"]
    whole = api.client.get(url).data

    rest = api.client.get(url, headers={"Range": "bytes=10-"})
    some = api.client.get(url, headers={"Range": "bytes=3-4"})
    none = api.client.get(url, headers={"Range": f"bytes={len(whole)}-"})

    assert (rest.status_code, rest.data) == (206, whole[10:])
    assert rest.headers["Content-Range"] == f"bytes 10-{len(whole) - 1}/{len(whole)}"
    assert (some.status_code, some.data) == (206, whole[3:5])
    assert none.get_json()["code"] == "no_such_range"


def test_links_hold_for_one_export_one_method_and_a_while(
    api: Service, job: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = ask(api, job), ask(api, job, "ndjson")
    url = made(api, first)["url"]
    assert made(api, second)["url"]
    path, _, query = url.partition("?")

    changed = [path, f"{path}?{query}0", url.replace(first["id"], second["id"])]
    for wrong in changed:
        assert api.client.get(wrong).get_json()["code"] == "link_invalid"
    monkeypatch.setattr(time, "time", lambda now=time.time: now() + 4_000)
    assert api.client.get(url).get_json()["code"] == "link_expired"


def test_exports_are_cancelled_and_deleted(api: Service, job: dict[str, Any]) -> None:
    asked = ask(api, job)
    cancelled = api.client.post(asked["links"]["cancel"]).get_json()
    assert cancelled["status"] == "cancelled"
    again = ask(api, job)
    assert again["id"] != asked["id"]
    export = made(api, again)
    assert api.client.post(export["links"]["cancel"]).get_json()["code"] == "wrong_state"
    assert api.client.delete(export["links"]["self"]).status_code == 204
    for path in (export["links"]["self"], export["url"], "/v1/exports/none"):
        assert api.client.get(path).get_json()["code"] == "export_not_found"
    assert [each["id"] for each in api.client.get("/v1/exports").get_json()["items"]] == [
        asked["id"]
    ]


def test_what_cannot_be_exported(api: Service, job: dict[str, Any]) -> None:
    waiting = api.job(("c.jpg", films.jpeg(3)))

    def code(path: str, **new: str) -> str:
        return str(api.client.post(f"{path}/exports", json=new).get_json()["code"])

    assert code(waiting["links"]["self"], format="csv") == "wrong_state"
    assert code(job["links"]["self"], format="xlsx") == "invalid_parameter"
    assert code("/v1/jobs/" + "0" * 32, format="csv") == "job_not_found"


def test_a_tenant_has_so_many_open_exports(tmp_path: Path) -> None:
    with service(tmp_path, quota_open_exports=2) as api:
        job = api.job(("a.jpg", films.jpeg(1)))
        api.read_all()
        first = ask(api, job, "csv")
        ask(api, job, "ndjson")
        exports = f"{job['links']['self']}/exports"
        full = {"limit": 2, "used": 2, "left": 0}
        assert api.client.get("/v1/limits").get_json()["quotas"]["open_exports"] == full

        refused = api.client.post(exports, json={"format": "parquet"})

        assert (refused.status_code, refused.get_json()["code"]) == (429, "too_many_open_exports")
        assert int(refused.headers["Retry-After"]) > 0
        assert ask(api, job, "csv")["id"] == first["id"]  # there already
        api.client.post(first["links"]["cancel"])
        one_left = {"limit": 2, "used": 1, "left": 1}
        assert api.client.get("/v1/limits").get_json()["quotas"]["open_exports"] == one_left
        ask(api, job, "parquet")
