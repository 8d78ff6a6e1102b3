"""A manifest beside films, beside an archive, beside an upload."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lungline.domain import DEFAULT_TENANT
from tests.factories import archives, films
from tests.factories.services import BOUNDARY, Service, multipart, service
from tests.factories.uploads import complete

CSV = b"name,external_id,age\nb.jpg,B,4\na.jpg,A,\n"
NDJSON = b"""{"name": "b.jpg", "external_id": "B", "metadata": {"age": "4"}}
{"name": "a.jpg", "external_id": "A"}
"""


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Service]:
    with service(tmp_path) as it:
        yield it


def send(api: Service, *parts: tuple[str, str | None, bytes], key: str | None = None) -> Any:
    return api.client.post(
        "/v1/jobs",
        data=multipart(*parts),
        content_type=f"multipart/form-data; boundary={BOUNDARY}",
        headers={"Idempotency-Key": key} if key else {},
    )


A, B = ("films", "a.jpg", films.jpeg(1)), ("films", "b.jpg", films.jpeg(2))


@pytest.mark.parametrize("manifest", [CSV, NDJSON])
@pytest.mark.parametrize("first", [True, False])
def test_beside_films(first: bool, manifest: bytes, api: Service) -> None:
    told = ("manifest", "m", manifest)
    answer = send(api, *((told, A, B) if first else (A, B, told)))

    assert answer.status_code == 202
    items = api.client.get(answer.get_json()["links"]["items"]).get_json()["items"]
    assert [(item["name"], item["external_id"], item["metadata"]) for item in items] == [
        ("a.jpg", "A", None),
        ("b.jpg", "B", {"age": "4"}),
    ]


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        (b"", "is empty"),
        (b"file\na.jpg\n", "Line 1: there is no column 'name'"),
        (b"name,external_id\na.jpg,1\nSECRET.jpg,2\n", "Line 3 of the manifest names a film that"),
        (b"name,external_id\na.jpg,1\na.jpg,2\n", "that an earlier line names"),
        (b"name,external_id\na.jpg\n", "Line 2 of the manifest: it has 1 fields"),
        (b"name\n" + bytes(17 << 20), "has more than 16,777,216 bytes"),
    ],
)
def test_beside_films_every_line_must_be_good(manifest: bytes, words: str, api: Service) -> None:
    answer = send(api, A, B, ("manifest", "m.csv", manifest))

    problem = answer.get_json()
    assert (answer.status_code, problem["code"]) == (422, "manifest_unreadable")
    assert words in problem["detail"]
    assert "SECRET" not in answer.text
    assert list(api.parts.store.keys(f"{DEFAULT_TENANT}/")) == []


def test_beside_an_archive_it_is_kept_for_the_expander(api: Service) -> None:
    archive = archives.zip_of_films(2)
    parts = ("films", "x.zip", archive), ("manifest", "m.csv", CSV)

    first, second = send(api, *parts, key="k"), send(api, *parts, key="k")
    other = send(api, parts[0], ("manifest", "m.csv", CSV + b"c.jpg,,\n"), key="k")

    assert [answer.status_code for answer in (first, second, other)] == [202, 202, 409]
    assert second.get_json()["id"] == first.get_json()["id"]
    store = api.parts.store
    kept = [store.get(key) for key in store.keys(f"{DEFAULT_TENANT}/")]
    assert sorted(kept) == sorted([archive, CSV])


def test_beside_an_upload_as_a_file_or_as_json(api: Service) -> None:
    lines = [json.loads(line) for line in NDJSON.splitlines()]
    for number in range(2):
        upload = complete(api.client, archives.zip_of_films(2, first_seed=number))
        if number:
            document = {"upload": upload["id"], "manifest": lines}
            answer = api.client.post("/v1/jobs", json=document)
        else:
            answer = send(api, ("upload", None, upload["id"].encode()), ("manifest", "m.csv", CSV))
        assert answer.status_code == 202, answer.text

    store = api.parts.store
    kept = [store.get(key) for key in store.keys(f"{DEFAULT_TENANT}/uploads/")]
    assert CSV in kept
    assert len(kept) == 4
    assert lines in [
        [json.loads(line) for line in data.splitlines()] for data in kept if data[:1] == b"{"
    ]


def test_a_manifest_that_is_none_is_refused_before_the_job_is_made(api: Service) -> None:
    upload = complete(api.client, archives.zip_of_films(2))
    bad = ("manifest", "m.csv", b"file\na.jpg\n")

    archive = send(api, ("films", "x.zip", archives.zip_of_films(1)), bad)
    uploaded = send(api, ("upload", None, upload["id"].encode()), bad)

    for answer in (archive, uploaded):
        assert (answer.status_code, answer.get_json()["code"]) == (422, "manifest_unreadable")
    assert api.client.get("/v1/jobs").get_json()["items"] == []
    assert len(list(api.parts.store.keys(f"{DEFAULT_TENANT}/"))) == 1  # the upload
    again = api.client.post("/v1/jobs", json={"upload": upload["id"]})
    assert again.status_code == 202


@pytest.mark.parametrize(
    ("parts", "status", "code"),
    [
        ([("manifest", "m.csv", CSV)], 400, "empty_body"),
        ([A, ("manifest", "m.csv", CSV), ("manifest", "m.csv", CSV)], 422, "invalid_parameter"),
        ([A, ("upload", None, b"0" * 32)], 422, "archive_not_alone"),
    ],
)
def test_forms_that_make_no_sense(
    parts: list[tuple[str, str | None, bytes]], status: int, code: str, api: Service
) -> None:
    answer = send(api, *parts)

    assert (answer.status_code, answer.get_json()["code"]) == (status, code)


@pytest.mark.parametrize("manifest", [[], {}, "x", 7])
def test_a_manifest_in_json_is_a_list(manifest: Any, api: Service) -> None:
    answer = api.client.post("/v1/jobs", json={"upload": "0" * 32, "manifest": manifest})

    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_parameter")
