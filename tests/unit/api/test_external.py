"""The caller's own id and words of a film: taken, checked, given back."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lungline.domain import DEFAULT_TENANT
from tests.factories import archives, films
from tests.factories.services import Service, service
from tests.factories.uploads import complete

SAID = {"external_id": "A-17/0001 가", "film_metadata": '{"age": 3, "side": "오른쪽"}'}
METADATA = {"age": 3, "side": "오른쪽"}


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Service]:
    with service(tmp_path) as it:
        yield it


def item_of(api: Service, job: dict[str, Any]) -> dict[str, Any]:
    (item,) = api.client.get(job["links"]["items"]).get_json()["items"]
    return dict(item)


def test_of_a_raw_film(api: Service) -> None:
    answer = api.client.post("/v1/jobs", query_string=SAID, data=films.jpeg(1))

    item = item_of(api, answer.get_json())
    assert (item["external_id"], item["metadata"]) == (SAID["external_id"], METADATA)
    again = api.client.get(item["links"]["self"]).get_json()
    assert (again["external_id"], again["metadata"]) == (SAID["external_id"], METADATA)


@pytest.mark.parametrize("data", [films.jpeg(1), films.text_named_jpg()])
def test_of_a_form_of_one_film_good_or_bad(data: bytes, api: Service) -> None:
    item = item_of(api, api.submit(("a.jpg", data), **SAID).get_json())

    assert (item["external_id"], item["metadata"]) == (SAID["external_id"], METADATA)


def test_in_results(api: Service) -> None:
    job = api.job(("a.jpg", films.jpeg(1)), **SAID)
    results = job["links"]["results"]

    (row,) = csv.DictReader(io.StringIO(api.client.get(f"{results}?format=csv").text))
    assert (row["external_id"], json.loads(row["metadata"])) == (SAID["external_id"], METADATA)
    line = json.loads(api.client.get(f"{results}?format=ndjson").text)
    assert (line["external_id"], line["metadata"]) == (SAID["external_id"], METADATA)
    parquet = pytest.importorskip("pyarrow.parquet")
    answer = api.client.get(f"{results}?format=parquet")
    (row,) = parquet.read_table(io.BytesIO(answer.data)).to_pylist()
    assert (row["external_id"], json.loads(row["metadata"])) == (SAID["external_id"], METADATA)


def test_nothing_said_is_null_not_empty(api: Service) -> None:
    job = api.job(("a.jpg", films.jpeg(1)))

    item = item_of(api, job)
    assert (item["external_id"], item["metadata"]) == (None, None)
    line = json.loads(api.client.get(f"{job['links']['results']}?format=ndjson").text)
    assert (line["external_id"], line["metadata"]) == (None, None)


@pytest.mark.parametrize(
    "said",
    [
        {"external_id": "x" * 201},
        {"external_id": "a\nb"},
        {"film_metadata": "[1]"},
        {"film_metadata": "{"},
        {"film_metadata": '{"a": NaN}'},
        {"film_metadata": '{"a": "\\u0000"}'},
        {"film_metadata": json.dumps({"a": "x" * 4_096})},
    ],
)
def test_what_cannot_be_taken_is_refused_without_an_echo(
    said: dict[str, str], api: Service
) -> None:
    answer = api.submit(("a.jpg", films.jpeg(1)), **said)

    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_parameter")
    assert "xxx" not in answer.text
    assert api.client.get("/v1/jobs").get_json()["items"] == []


def test_of_several_films_it_is_refused(api: Service) -> None:
    two = api.submit(("a.jpg", films.jpeg(1)), ("b.jpg", films.jpeg(2)), **SAID)
    archive = api.submit(("a.zip", archives.zip_of_films(1)), **SAID)
    upload = complete(api.client, archives.zip_of_films(1))
    document = {"upload": upload["id"], "external_id": "A"}
    uploaded = api.client.post("/v1/jobs", json=document)

    for answer in (two, archive, uploaded):
        assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_parameter")
    assert list(api.parts.store.keys(f"{DEFAULT_TENANT}/films/")) == []


def test_it_is_part_of_what_an_idempotency_key_stands_for(api: Service) -> None:
    headers = {"Idempotency-Key": "k"}

    def send(external_id: str) -> int:
        query = {"external_id": external_id}
        answer = api.client.post(
            "/v1/jobs", query_string=query, data=films.jpeg(1), headers=headers
        )
        return answer.status_code

    assert [send("A"), send("A"), send("B")] == [202, 202, 409]
