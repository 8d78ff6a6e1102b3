"""Bulk work from an upload to the last deletion, on every pair of database and object store."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from lungline.domain import DEFAULT_TENANT
from storage.database import Database
from storage.migrate import upgrade
from storage.models import Base
from storage.object_audit import ObjectAudit
from tests.factories import archives, films, uploads
from tests.factories.services import (
    BOUNDARY,
    BUNDLE,
    Service,
    multipart,
    service,
    write_bundle,
)
from tests.factories.work import exporter
from workers.expand import expand_archive
from workers.export import export_results
from workers.parts import Parts
from workers.sweep import sweep

pytestmark = pytest.mark.integration

NEWER = "paediatric-pneumonia@0.2.0"
PAIRS = list(product(("sqlite", "postgresql"), ("local", "s3")))
S3_FIELDS = ("s3_bucket", "s3_endpoint_url", "s3_region", "s3_access_key", "s3_secret_key")


@pytest.fixture(params=PAIRS, ids="-".join)
def api(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    """The API over an empty pair."""
    database, store = request.param
    fields: dict[str, Any] = {"store": store, "bundle": BUNDLE, "upload_parts": "api"}
    fields["upload_part_bytes"] = uploads.PART
    if store == "s3":
        server = request.getfixturevalue("seaweedfs")
        s3 = server.settings(server.make_bucket())
        fields |= {name: getattr(s3, name) for name in S3_FIELDS}
    if database == "postgresql":
        fields["database_url"] = request.getfixturevalue("postgres_url")
        _empty(str(fields["database_url"]))
    write_bundle(tmp_path / "bundles", "0.2.0")
    with service(tmp_path, **fields) as it:
        yield it


@pytest.fixture
def worker(api: Service) -> Iterator[Parts]:
    """An expander, which sweeps too."""
    with exporter(api.parts.settings) as parts:
        yield parts


def _empty(url: str) -> None:
    database = Database(url)
    upgrade(database)
    with database.write() as connection:
        for table in reversed(Base.metadata.sorted_tables):
            connection.execute(table.delete())
    database.dispose()


def job_of(api: Service, path: str) -> dict[str, Any]:
    return dict(api.client.get(path).get_json())


def rows(api: Service, job: dict[str, Any], **query: str) -> list[dict[str, Any]]:
    answer = api.client.get(job["links"]["results"], query_string={"format": "ndjson"} | query)
    return [json.loads(line) for line in answer.text.splitlines()]


def test_an_upload_is_expanded_read_exported_read_again_and_deleted(
    api: Service, worker: Parts
) -> None:
    # Given an upload in parts, checked by its SHA-256, with a manifest beside it
    data = uploads.an_archive(2, films=20)
    upload = uploads.complete(api.client, data, sha256=hashlib.sha256(data).hexdigest())
    lines = [b"name,external_id,ward", *(b"%d.jpg,id-%d,3" % (n, n) for n in range(20))]
    manifest = b"\n".join([*lines, b"none.jpg,id-none,"])
    body = multipart(
        ("upload", None, upload["id"].encode()),
        ("name", None, b"night"),
        ("manifest", "list.csv", manifest),
    )
    answer = api.client.post(
        "/v1/jobs", data=body, content_type=f"multipart/form-data; boundary={BOUNDARY}"
    )
    assert answer.status_code == 202, answer.text
    job = answer.get_json()
    path = job["links"]["self"]

    # It is expanded and read, and every entry is accounted for
    assert expand_archive(worker)
    assert api.read_all() == 20
    entries = api.client.get(f"{job['links']['entries']}?limit=100").get_json()["items"]
    assert [each["outcome"] for each in entries] == [*["accepted"] * 20, "ignored", "rejected"]
    assert job_of(api, path)["status"] == "completed_with_errors"
    found = rows(api, job)
    assert [row["external_id"] for row in found] == [*(f"id-{n}" for n in range(20)), "id-none"]
    assert {str(row["metadata"]) for row in found[:20]} == {"{'ward': '3'}"}
    searched = api.client.get("/v1/items?metadata.ward=3&external_id=id-7").get_json()["items"]
    assert [item["name"] for item in searched] == ["7.jpg"]
    assert [each["id"] for each in api.client.get("/v1/jobs?name=night").get_json()["items"]] == [
        job["id"]
    ]
    usage = api.client.get("/v1/usage").get_json()
    assert [month["films"] for month in usage["months"]] == [20]

    # Its results are exported in the background
    masks = zipfile.ZipFile(io.BytesIO(exported(api, worker, job, "masks")))
    assert masks.testzip() is None
    assert len(masks.namelist()) == 21
    table = pyarrow.parquet.read_table(io.BytesIO(exported(api, worker, job, "parquet")))
    assert table["external_id"].to_pylist() == [row["external_id"] for row in found]

    # Its films are read again by another bundle, and what changed is shown
    again = api.client.post("/v1/jobs", json={"from_job": job["id"], "model": NEWER}).get_json()
    assert expand_archive(worker)
    assert api.read_all() == 20
    changes = api.client.get(f"{again['links']['self']}/changes").get_json()
    assert sum(move["count"] for move in changes["summary"]) >= 20

    # Both are deleted: films stay for the other, and then nothing is left
    assert api.client.delete(path).status_code == 204
    sweep(worker)
    (item, *_) = api.client.get(again["links"]["items"]).get_json()["items"]
    assert api.client.get(item["links"]["film"]).status_code == 200
    assert api.client.delete(again["links"]["self"]).status_code == 204
    for _ in range(2):
        sweep(worker)
    audit = ObjectAudit(api.parts.repository, api.parts.store, 0.0)
    assert [*audit.orphans(), *audit.unfinished(), *audit.missing()] == []
    assert list(api.parts.store.keys(f"{DEFAULT_TENANT}/")) == []


def exported(api: Service, worker: Parts, job: dict[str, Any], form: str) -> bytes:
    """What an export in the background holds."""
    asked = api.client.post(f"{job['links']['self']}/exports", json={"format": form}).get_json()
    assert export_results(worker)
    made = api.parts.repository.exports.get(DEFAULT_TENANT, asked["id"])
    data = api.parts.store.get(str(made.object_key))
    assert made.sha256 == hashlib.sha256(data).hexdigest()
    return data


def test_a_job_is_controlled_from_pause_to_expiry(api: Service, worker: Parts) -> None:
    def send(data: bytes, **query: str) -> dict[str, Any]:
        answer = api.client.post(
            "/v1/jobs", data=data, content_type="application/x-tar", query_string=query
        )
        assert answer.status_code == 202, answer.text
        return dict(answer.get_json())

    paused = send(archives.tar_of_films(3), priority="bulk")
    path = paused["links"]["self"]
    assert api.client.post(f"{path}/pause").get_json()["paused"] is True
    assert not expand_archive(worker)
    assert api.client.patch(path, json={"priority": "normal"}).get_json()["priority"] == "normal"
    assert api.client.post(f"{path}/resume").get_json()["paused"] is False
    assert expand_archive(worker)
    assert api.read_all(fail=frozenset({"films/00001.jpg"})) == 3
    assert job_of(api, path)["status"] == "completed_with_errors"
    assert api.client.post(f"{path}/retry").status_code == 202
    assert api.read_all() == 1
    assert job_of(api, path)["status"] == "succeeded"

    cancelled = send(archives.zip_of({f"{n}.jpg": films.jpeg(50 + n) for n in range(3)}))
    late = archives.zip_of({f"{n}.jpg": films.jpeg(60 + n) for n in range(2)})
    expiring = send(late, expires_in="60")
    while expand_archive(worker):
        pass
    assert api.client.post(f"{cancelled['links']['self']}/cancel").status_code == 202
    assert {row["status"] for row in rows(api, cancelled)} == {"cancelled"}
    worker.repository.database.clock_offset = 61.0
    sweep(worker)
    assert job_of(api, expiring["links"]["self"])["status"] == "expired"
    assert {row["status"] for row in rows(api, expiring)} == {"cancelled"}
