"""The findings of a whole job as CSV and NDJSON."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storage.results import accounted
from storage.results.texts import LEADING_COLUMNS
from tests.factories import films
from tests.factories.archives import zip_of, zip_of_films
from tests.factories.services import BUNDLE, LABELS, Service, service
from tests.factories.work import exporter
from workers.expand import expand_archive


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Service]:
    with service(tmp_path) as it:
        yield it


@pytest.fixture
def job(api: Service) -> dict[str, Any]:
    """One film read, one refused, one that failed, two that wait."""
    api.job(("earlier.jpg", films.jpeg(5)))
    job = api.job(
        ("a/폐렴.jpg", films.jpeg(1)),
        ("text.jpg", films.text_named_jpg()),
        ("bad.jpg", films.jpeg(2)),
        ("-1.jpg", films.jpeg(5)),
    )
    api.read_all(fail=frozenset({"bad.jpg"}))
    return job


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_csv(api: Service, job: dict[str, Any]) -> None:
    answer = api.client.get(f"{job['links']['results']}?format=csv")
    assert answer.content_type == "text/csv; charset=utf-8"
    assert job["id"] in answer.headers["Content-Disposition"]
    assert answer.text.count("\r\n") == 5
    head = answer.text.splitlines()[0].split(",")
    assert head[:10] == list(LEADING_COLUMNS)
    assert head[10:] == [
        *(f"p_{label}" for label in LABELS),
        "error_reason",
        "reused",
        "duplicate_of",
        "external_id",
        "metadata",
        "study_hash",
        "patient_hash",
        "outcome",
        "size",
        "sha256",
    ]
    found = rows(answer.text)
    assert [row["name"] for row in found] == ["a/폐렴.jpg", "text.jpg", "bad.jpg", "'-1.jpg"]
    read, refused, failed, _ = found
    assert (read["status"], read["top_label"], read["bundle"], read["attempt"]) == (
        "succeeded",
        "bacterial_pneumonia",
        BUNDLE,
        "1",
    )
    assert [float(read[f"p_{label}"]) for label in LABELS] == [0.1, 0.7, 0.2]
    assert (read["in_distribution"], read["flags"], read["reused"]) == ("", "", "false")
    assert (refused["error_code"], refused["p_normal"]) == ("unsupported_format", "")
    assert (failed["error_code"], failed["error_reason"]) == ("truncated", "It is cut off.")


def test_ndjson(api: Service, job: dict[str, Any]) -> None:
    answer = api.client.get(job["links"]["results"], headers={"Accept": "application/x-ndjson"})
    assert answer.content_type == "application/x-ndjson; charset=utf-8"
    found = [json.loads(line) for line in answer.text.splitlines()]
    assert set(LEADING_COLUMNS) | {"error_reason", "reused"} <= found[0].keys()
    assert found[0]["probabilities"] == dict(zip(LABELS, (0.1, 0.7, 0.2), strict=True))
    assert found[0]["findings"][1]["positive"] is True
    assert (found[0]["flags"], found[0]["in_distribution"]) == ([], None)
    assert found[0]["research_use_only"] is True
    # Names are exactly as they were sent
    assert [row["name"] for row in found] == ["a/폐렴.jpg", "text.jpg", "bad.jpg", "-1.jpg"]


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("*/*", "text/csv"),
        ("text/csv", "text/csv"),
        ("application/x-ndjson", "application/x-ndjson"),
        ("text/csv;q=0.1, application/x-ndjson", "application/x-ndjson"),
        ("image/png", "text/csv"),
    ],
)
def test_accept_decides(accept: str, expected: str, api: Service, job: dict[str, Any]) -> None:
    answer = api.client.get(job["links"]["results"], headers={"Accept": accept})
    assert answer.mimetype == expected


def test_an_unknown_format_is_refused(api: Service, job: dict[str, Any]) -> None:
    answer = api.client.get(f"{job['links']['results']}?format=xls")
    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_parameter")


@pytest.mark.parametrize("start", ["=", "+", "-", "@"])
def test_no_cell_is_a_formula(start: str, api: Service) -> None:
    job = api.job((f"{start}cmd|'/C calc',!A0.jpg", films.jpeg(1)))
    (row,) = rows(api.client.get(job["links"]["results"]).text)
    assert row["name"] == f"'{start}cmd|'/C calc',!A0.jpg"


def test_every_entry_of_an_archive_is_in_the_results(
    api: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounted, "_PAGE", 2)
    members = {
        "list.csv": b"a,b",
        "a.jpg": films.jpeg(1),
        "same.jpg": films.jpeg(1),
        "__MACOSX/a.jpg": b"x",
        "bad.jpg": b"text",
        "README": b"z",
    }
    job = api.client.post("/v1/jobs", data=zip_of(members)).get_json()
    with exporter(api.parts.settings) as worker:
        assert expand_archive(worker)

    def found(**query: str) -> list[tuple[Any, ...]]:
        text = api.client.get(job["links"]["results"], query_string=query).text
        keys = ("name", "outcome", "size", "sha256", "item_id")
        return [tuple(row[key] for key in keys) for row in rows(text)]

    all_of_them = found(ignored="true")
    entries = api.client.get(job["links"]["entries"]).get_json()["items"]
    assert all_of_them == [
        (each["name"], each["outcome"], str(each["size"]), each["sha256"] or "", each["item_id"])
        for each in [entry | {"item_id": entry["item_id"] or ""} for entry in entries]
    ]
    assert [each[:2] for each in all_of_them] == [
        ("list.csv", "ignored"),
        ("a.jpg", "accepted"),
        ("same.jpg", "duplicate"),
        ("__MACOSX/a.jpg", "ignored"),
        ("bad.jpg", "rejected"),
        ("README", "ignored"),
    ]
    assert all_of_them[1][3] == hashlib.sha256(films.jpeg(1)).hexdigest()
    assert found() == [each for each in all_of_them if each[1] != "ignored"]
    answer = api.client.get(job["links"]["results"], query_string={"format": "ndjson"})
    told = [json.loads(line) for line in answer.text.splitlines()]
    more = {"format": "ndjson", "ignored": "true"}
    answer = api.client.get(job["links"]["results"], query_string=more)
    ignored = json.loads(answer.text.splitlines()[0])
    assert ignored.keys() == told[0].keys()
    assert (ignored["status"], ignored["item_id"]) == ("ignored", None)
    parquet = api.client.get(f"{job['links']['results']}?format=parquet&ignored=true")
    assert parquet.status_code == 200


def test_films_of_a_form_say_what_became_of_them(api: Service, job: dict[str, Any]) -> None:
    twice = api.job(("a.jpg", films.jpeg(9)), ("b.jpg", films.jpeg(9)))

    def outcomes(of: dict[str, Any]) -> list[tuple[str, str]]:
        found = rows(api.client.get(of["links"]["results"]).text)
        return [(row["outcome"], row["sha256"]) for row in found]

    assert outcomes(job) == [(one, "") for one in ("accepted", "rejected", "accepted", "accepted")]
    assert outcomes(twice) == [("accepted", ""), ("duplicate", "")]


def test_a_job_that_expands_has_no_rows_yet(api: Service) -> None:
    job = api.client.post("/v1/jobs", data=zip_of_films(1)).get_json()
    path = job["links"]["results"]
    assert rows(api.client.get(path).text) == []
    assert api.client.get(path).text.startswith("item_id,")
    assert api.client.get(f"{path}?format=ndjson").text == ""


def test_labels_outlive_their_bundle(api: Service, job: dict[str, Any], tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "bundles")
    (read, *_) = rows(api.client.get(job["links"]["results"]).text)
    assert read["p_bacterial_pneumonia"] == "0.7"


def test_many_rows_come_in_order(tmp_path: Path) -> None:
    with service(tmp_path) as api:
        names = [f"{n:04}.jpg" for n in range(450)]
        job = api.job(*[(name, b"text") for name in names])
        found = rows(api.client.get(job["links"]["results"]).text)
        assert [row["name"] for row in found] == names


def test_films_group_by_study_in_items_and_every_format(api: Service) -> None:
    films_of = [films.dicom(1), films.dicom(2), films.dicom(3, StudyInstanceUID="1.2.3")]
    job = api.job(*((f"{n}.dcm", data) for n, data in enumerate([*films_of, films.jpeg(9)])))
    results = job["links"]["results"]
    items = api.client.get(job["links"]["items"]).get_json()["items"]
    hashes = [(item["study_hash"], item["patient_hash"]) for item in items]

    (study, patient), second, (other, same), none = hashes
    assert second == (study, patient)
    assert same == patient
    assert none == (None, None)
    assert len({study, patient, other}) == 3
    table = rows(api.client.get(f"{results}?format=csv").text)
    assert [row["study_hash"] or None for row in table] == [pair[0] for pair in hashes]
    lines = api.client.get(f"{results}?format=ndjson").text.splitlines()
    assert [(row["study_hash"], row["patient_hash"]) for row in map(json.loads, lines)] == hashes
    parquet = pytest.importorskip("pyarrow.parquet")
    read = parquet.read_table(io.BytesIO(api.client.get(f"{results}?format=parquet").data))
    assert (
        list(zip(*(read[name].to_pylist() for name in ("study_hash", "patient_hash")), strict=True))
        == hashes
    )
