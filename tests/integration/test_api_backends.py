"""The API over PostgreSQL and over S3: what differs from SQLite and a folder shows here."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from lungline.domain import DEFAULT_TENANT
from lungline.settings import Settings
from storage.database import Database
from storage.migrate import upgrade
from tests.factories import archives, films, uploads
from tests.factories.services import Service, form, service

pytestmark = pytest.mark.integration

S3_FIELDS = ("s3_bucket", "s3_endpoint_url", "s3_region", "s3_access_key", "s3_secret_key")


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store beside the module's database: with another one its films would be missing."""
    return tmp_path_factory.mktemp("objects")


@pytest.fixture
def on_postgres(tmp_path: Path, postgres_url: str, objects: Path) -> Iterator[Service]:
    database = Database(postgres_url)
    upgrade(database)
    database.dispose()
    with service(tmp_path, database_url=postgres_url, store_dir=objects) as it:
        yield it


@pytest.fixture
def on_s3(tmp_path: Path, s3_settings: Settings) -> Iterator[Service]:
    fields = {name: getattr(s3_settings, name) for name in S3_FIELDS}
    with service(tmp_path, store="s3", upload_part_bytes=uploads.PART, **fields) as it:
        yield it


def test_a_job_from_beginning_to_end(on_postgres: Service) -> None:
    api = on_postgres
    job = api.job(
        ("폐렴\x01.jpg", films.jpeg(1)), ("b.jpg", films.jpeg(2)), ("t.jpg", b"text"), name="x"
    )
    assert api.read_all() == 2
    ended = api.client.get(job["links"]["self"]).get_json()
    assert (ended["status"], ended["counts"]["succeeded"]) == ("completed_with_errors", 2)
    assert ended["rate_films_per_second"] > 0
    rows = list(csv.DictReader(io.StringIO(api.client.get(job["links"]["results"]).text)))
    assert [row["name"] for row in rows] == ["폐렴\ufffd.jpg", "b.jpg", "t.jpg"]
    assert rows[0]["p_bacterial_pneumonia"] == "0.7"
    (item, *_) = api.client.get(job["links"]["items"]).get_json()["items"]
    assert api.client.get(item["links"]["overlay"]).status_code == 200
    failed = api.client.get(f"{job['links']['items']}?status=failed").get_json()["items"]
    assert len(failed) == 1


def test_lists_cancel_and_metrics(on_postgres: Service) -> None:
    api = on_postgres
    job = api.job(("c.jpg", films.jpeg(3)))
    assert 'lungline_items{status="queued"} 1.0' in api.client.get("/metrics").text
    answer = api.client.post(f"{job['links']['self']}/cancel")
    assert answer.get_json()["status"] == "cancelled"
    page = api.client.get("/v1/jobs?limit=1&status=cancelled").get_json()
    assert page["items"][0]["id"] == job["id"]
    for path in ("/v1/jobs/%00", "/v1/items/%00", "/v1/jobs?cursor=%00"):
        assert api.client.get(path).status_code in (404, 422)


def test_the_same_request_raced_is_one_job(on_postgres: Service) -> None:
    def send(_: int) -> str:
        body = form(("d.jpg", films.jpeg(4)))
        client = on_postgres.app.test_client()
        answer = client.post("/v1/jobs", headers={"Idempotency-Key": "raced"}, **body)
        assert answer.status_code == 202, answer.text
        return str(answer.get_json()["id"])

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(send, range(6)))) == 1


def test_films_archives_and_pictures_in_s3(on_s3: Service) -> None:
    api = on_s3
    job = api.job(("a.jpg", films.jpeg(1)))
    api.read_all()
    (item,) = api.client.get(job["links"]["items"]).get_json()["items"]
    for kind in ("film", "mask", "heatmap", "overlay"):
        assert api.client.get(item["links"][kind]).mimetype == "image/png"
    data = archives.zip_of_films(20)
    answer = api.client.post("/v1/jobs", data=data, content_type="application/zip")
    assert answer.status_code == 202
    (key,) = api.parts.store.keys(f"{DEFAULT_TENANT}/uploads/")
    assert api.parts.store.get(key) == data
    assert api.client.get("/readyz").get_json()["parts"]["store"] == "ok"


def test_a_large_archive_that_is_cut_off_leaves_nothing_in_s3(on_s3: Service) -> None:
    before = set(on_s3.parts.store.keys(f"{DEFAULT_TENANT}/"))
    data = b"PK\x03\x04" + bytes(20_000_000)
    answer = on_s3.client.post(
        "/v1/jobs",
        environ_overrides={
            "wsgi.input": io.BytesIO(data),
            "wsgi.input_terminated": True,
            "CONTENT_TYPE": "application/zip",
            "CONTENT_LENGTH": str(len(data) + 1),
        },
    )
    assert answer.get_json()["code"] == "body_cut_off"
    assert set(on_s3.parts.store.keys(f"{DEFAULT_TENANT}/")) == before


def test_parts_go_to_s3_by_its_own_links(on_s3: Service) -> None:
    data = uploads.an_archive()
    upload = uploads.begin(on_s3.client, data)
    for number in (3, 1, 2):
        part = uploads.piece(upload, data, number)
        headers = {"Content-MD5": uploads.content_md5(part)}
        answer = httpx.put(uploads.link(upload, number), content=part, headers=headers)
        assert answer.status_code == 200, answer.text
    seen = on_s3.client.get(upload["links"]["self"]).get_json()
    assert [part["number"] for part in seen["parts"]] == [1, 2, 3]
    assert on_s3.client.post(upload["links"]["complete"]).get_json()["status"] == "complete"
    answer = on_s3.client.post("/v1/jobs", json={"upload": upload["id"]})
    job = on_s3.parts.repository.jobs.get(DEFAULT_TENANT, answer.get_json()["id"])
    assert on_s3.parts.store.get(str(job.archive_key)) == data


def test_a_whole_body_and_what_is_given_up_in_s3(on_s3: Service) -> None:
    data = uploads.an_archive(2)
    digest = hashlib.sha256(data).hexdigest()
    whole = uploads.begin(on_s3.client, data, sha256=digest)
    answer = on_s3.client.put(whole["links"]["content"], data=data)
    assert (answer.status_code, answer.get_json()["status"]) == (200, "complete")
    given_up = uploads.begin(on_s3.client, data)
    part = uploads.piece(given_up, data, 1)
    assert httpx.put(uploads.link(given_up, 1), content=part).status_code == 200
    for upload in (whole, given_up):
        assert on_s3.client.delete(upload["links"]["self"]).status_code == 204
        key = f"{DEFAULT_TENANT}/uploads/{upload['id']}"
        assert on_s3.parts.repository.uploads.remove(on_s3.parts.store) == 1
        assert not on_s3.parts.store.exists(key)
    again = httpx.put(uploads.link(given_up, 1), content=part)
    assert again.status_code == 404


def test_parts_pass_through_the_api_where_s3_is_out_of_reach(
    tmp_path: Path, s3_settings: Settings
) -> None:
    fields = {name: getattr(s3_settings, name) for name in S3_FIELDS}
    limits = {"upload_parts": "api", "upload_part_bytes": uploads.PART}
    with service(tmp_path, store="s3", **fields, **limits) as api:
        upload = uploads.complete(api.client, uploads.an_archive(2))
        assert upload["status"] == "complete"
