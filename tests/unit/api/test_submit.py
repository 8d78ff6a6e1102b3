"""POST /v1/jobs over a real database and store: what is taken, and what is refused how."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lungline.archives import ArchiveFormat
from lungline.domain import DEFAULT_TENANT
from lungline.errors import DatabaseUnavailable, StoreUnavailable
from tests.factories import archives, films
from tests.factories.services import BUNDLE, Service, form, service

ZIP = "application/zip"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Service]:
    with service(tmp_path) as it:
        yield it


def jobs(api: Service) -> list[dict[str, Any]]:
    return list(api.client.get("/v1/jobs").get_json()["items"])


def items(api: Service, job: dict[str, Any]) -> list[dict[str, Any]]:
    return list(api.client.get(job["links"]["items"]).get_json()["items"])


def objects(api: Service) -> list[str]:
    return sorted(api.parts.store.keys(f"{DEFAULT_TENANT}/"))


def test_films_of_a_form_become_a_job(api: Service) -> None:
    answer = api.submit(
        ("ward/a.jpg", films.jpeg(1)),
        ("ward/b.png", films.png8(2)),
        ("ward/c.dcm", films.dicom(3)),
        name="ward 3",
        metadata='{"study": 7}',
        priority="bulk",
    )
    assert answer.status_code == 202
    job = answer.get_json()
    assert answer.headers["Location"] == f"/v1/jobs/{job['id']}" == job["links"]["self"]
    assert (job["status"], job["source"], job["priority"]) == ("running", "films", "bulk")
    assert (job["name"], job["metadata"], job["bundle"]) == ("ward 3", {"study": 7}, BUNDLE)
    assert (job["counts"]["total"], job["counts"]["queued"]) == (3, 3)
    assert job["eta_seconds"] is None
    found = items(api, job)
    assert [item["name"] for item in found] == ["ward/a.jpg", "ward/b.png", "ward/c.dcm"]
    assert [item["film"]["format"] for item in found] == ["jpeg", "png", "dicom"]
    assert len(objects(api)) == 3


@pytest.mark.parametrize(
    ("content_type", "data", "kind"),
    [
        ("image/jpeg", films.jpeg(1), "jpeg"),
        ("image/png", films.png16(1), "png"),
        ("image/anything", films.png8(1), "png"),
        ("application/dicom", films.dicom(1), "dicom"),
        ("application/octet-stream", films.dicom(1), "dicom"),
        ("", films.jpeg(1), "jpeg"),
    ],
)
def test_a_raw_film_becomes_a_job_of_one(
    content_type: str, data: bytes, kind: str, api: Service
) -> None:
    answer = api.client.post("/v1/jobs?filename=x.film", data=data, content_type=content_type)
    assert answer.status_code == 202
    (item,) = items(api, answer.get_json())
    assert (item["name"], item["film"]["format"], item["status"]) == ("x.film", kind, "queued")


ARCHIVES = [
    archives.zip_of_films(3),
    *(archives.tar_of_films(3, kind) for kind in list(ArchiveFormat)[1:]),
]
TYPES = [ZIP, "application/x-tar", "application/gzip", "application/zstd"]


@pytest.mark.parametrize("content_type", [*TYPES, "application/octet-stream", None])
@pytest.mark.parametrize("data", ARCHIVES, ids=list(ArchiveFormat))
def test_an_archive_is_stored_to_be_expanded(
    data: bytes, content_type: str | None, api: Service
) -> None:
    if content_type is None:
        answer = api.submit(("films.zip", data))
    else:
        answer = api.client.post("/v1/jobs?name=all", data=data, content_type=content_type)
    assert answer.status_code == 202
    job = answer.get_json()
    assert (job["status"], job["source"]) == ("expanding", "archive")
    counts = {"accepted": 0, "duplicate": 0, "ignored": 0, "rejected": 0}
    assert job["expansion"] == {"entries_seen": 0, "entries_total": None} | counts
    (key,) = objects(api)
    assert key.startswith(f"{DEFAULT_TENANT}/uploads/")
    assert api.parts.store.get(key) == data


@pytest.mark.parametrize(
    ("content_type", "data", "status", "code"),
    [
        ("image/jpeg", b"", 400, "empty_body"),
        ("", b"", 400, "empty_body"),
        (ZIP, b"", 400, "empty_body"),
        ("image/jpeg", films.text_named_jpg(), 422, "unsupported_format"),
        ("image/png", films.huge_png(), 422, "too_many_pixels"),
        ("application/dicom", films.dicom_without_pixels(), 422, "no_pixels"),
        ("image/jpeg", films.wrong_magic(), 422, "unsupported_format"),
        ("image/jpeg", b"\xff\xd8" + bytes(2_000_001), 413, "too_large"),
        (ZIP, films.jpeg(1), 422, "archive_unreadable"),
        (ZIP, films.text_named_jpg(), 422, "archive_unreadable"),
        ("image/jpeg", archives.zip_of_films(1), 422, "unsupported_format"),
        ("application/json", b"{}", 422, "invalid_parameter"),
        ("application/json", b"[]", 400, "malformed_body"),
        ("application/json", b'{"upload": "x"}', 404, "upload_not_found"),
        ("text/plain", b"a film", 415, "unsupported_content"),
        ("application/x-www-form-urlencoded", b"a=b", 415, "unsupported_content"),
        ("multipart/form-data", b"--", 400, "malformed_body"),
        ("multipart/form-data; boundary=b", b"--b--\r\n", 400, "empty_body"),
    ],
)
def test_a_refused_body_leaves_nothing(
    content_type: str, data: bytes, status: int, code: str, api: Service
) -> None:
    answer = api.client.post("/v1/jobs", data=data, content_type=content_type)
    assert (answer.status_code, answer.get_json()["code"]) == (status, code)
    assert answer.content_type == "application/problem+json"
    assert jobs(api) == []
    assert objects(api) == []


def test_a_bad_film_of_a_form_fails_alone(api: Service) -> None:
    job = api.job(
        ("good.jpg", films.jpeg(1)),
        ("empty.jpg", b""),
        ("text.jpg", films.text_named_jpg()),
        ("huge.png", films.huge_png()),
        ("none.dcm", films.dicom_without_pixels()),
        ("large.jpg", films.jpeg(1) + bytes(2_000_000)),
    )
    assert (job["status"], job["counts"]["queued"], job["counts"]["failed"]) == ("running", 1, 5)
    errors = {item["name"]: item["error"] for item in items(api, job)}
    assert {name: error and error["code"] for name, error in errors.items()} == {
        "good.jpg": None,
        "empty.jpg": "empty_file",
        "text.jpg": "unsupported_format",
        "huge.png": "too_many_pixels",
        "none.dcm": "no_pixels",
        "large.jpg": "too_large",
    }
    assert all(error is None or error["reason"] for error in errors.values())
    # And the job ends with errors once the good one is read
    assert api.read_all() == 1
    ended = api.client.get(job["links"]["self"])
    assert ended.get_json()["status"] == "completed_with_errors"
    assert "Retry-After" not in ended.headers


def test_a_form_of_only_bad_films_is_a_failed_job(api: Service) -> None:
    job = api.job(("text.jpg", films.text_named_jpg()))
    assert (job["status"], job["counts"]["failed"]) == ("failed", 1)
    assert job["eta_seconds"] == 0


def test_a_truncated_picture_is_taken_and_left_to_the_reader(api: Service) -> None:
    job = api.job(("cut.jpg", films.truncated_jpeg()), ("cut.png", films.truncated_png()))
    assert job["counts"]["queued"] == 2


def test_an_archive_must_be_alone(api: Service) -> None:
    answer = api.submit(("a.zip", archives.zip_of_films(1)), ("b.jpg", films.jpeg(1)))
    assert (answer.status_code, answer.get_json()["code"]) == (422, "archive_not_alone")
    assert objects(api) == []


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"metdata": "{}"}, "invalid_parameter"),
        ({"metadata": "[1]"}, "invalid_parameter"),
        ({"bundle": "adult"}, "bundle_not_found"),
        ({"priority": "now"}, "invalid_parameter"),
    ],
)
def test_bad_fields_store_nothing(fields: dict[str, str], code: str, api: Service) -> None:
    for answer in (
        api.submit(("a.jpg", films.jpeg(1)), **fields),
        api.client.post("/v1/jobs", query_string=fields, data=films.jpeg(1)),
        api.client.post(
            "/v1/jobs", query_string=fields, data=archives.zip_of_films(1), content_type=ZIP
        ),
    ):
        assert (answer.status_code, answer.get_json()["code"]) == (422, code)
    assert objects(api) == []


def test_limits_of_a_form(tmp_path: Path) -> None:
    with service(tmp_path, max_films_per_request=2, max_body_bytes=100_000) as api:
        three = [("a.jpg", films.jpeg(n)) for n in range(3)]
        assert api.submit(*three).get_json()["code"] == "too_many_films"
        assert api.submit(("a.jpg", bytes(100_001))).get_json()["code"] == "too_large"
        answer = api.client.post("/v1/jobs", data=b"PK\x03\x04" + bytes(100_000), content_type=ZIP)
        assert (answer.status_code, answer.get_json()["code"]) == (413, "too_large")
        assert jobs(api) == []


def test_a_film_sent_twice_is_stored_once_and_answered_at_once(api: Service) -> None:
    first = api.job(("a.jpg", films.jpeg(1)), ("b.jpg", films.jpeg(1)))
    assert first["counts"]["total"] == 2
    assert len(objects(api)) == 1
    api.read_all()
    again = api.job(("c.jpg", films.jpeg(1)))
    assert (again["status"], again["counts"]["reused"]) == ("succeeded", 1)
    (item,) = items(api, again)
    assert item["reused"]
    assert item["prediction"]["top_label"] == "bacterial_pneumonia"


# The same request, however often it is sent.

Send = Callable[[Service, str | None, int], Any]


def send_form(api: Service, key: str | None, seed: int) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    body = form(("a.jpg", films.jpeg(seed)), ("b.jpg", films.jpeg(9)), name="x")
    return api.client.post("/v1/jobs", headers=headers, **body)


def send_film(api: Service, key: str | None, seed: int) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    return api.client.post("/v1/jobs?filename=a", data=films.jpeg(seed), headers=headers)


def send_archive(api: Service, key: str | None, seed: int) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    data = archives.zip_of_films(2, first_seed=seed)
    return api.client.post("/v1/jobs", data=data, headers=headers, content_type=ZIP)


@pytest.mark.parametrize("send", [send_form, send_film, send_archive])
def test_the_same_key_and_body_give_the_same_job(send: Send, api: Service) -> None:
    first, second = send(api, "k1", 1), send(api, "k1", 1)
    assert (first.status_code, second.status_code) == (202, 202)
    assert second.get_json()["id"] == first.get_json()["id"]
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert second.headers["Location"] == first.headers["Location"]
    assert len(jobs(api)) == 1
    # And no second copy of the archive is left
    assert len([key for key in objects(api) if "/uploads/" in key]) == (send is send_archive)


@pytest.mark.parametrize("send", [send_form, send_film, send_archive])
def test_the_same_key_and_another_body_conflict(send: Send, api: Service) -> None:
    send(api, "k1", 1)
    other = send(api, "k1", 2)
    assert (other.status_code, other.get_json()["code"]) == (409, "idempotency_conflict")
    assert len(jobs(api)) == 1
    assert len([key for key in objects(api) if "/uploads/" in key]) == (send is send_archive)


def test_the_same_key_and_other_parameters_conflict(api: Service) -> None:
    headers = {"Idempotency-Key": "k"}
    for name, status in (("x", 202), ("y", 409)):
        answer = api.client.post(f"/v1/jobs?name={name}", data=films.jpeg(1), headers=headers)
        assert answer.status_code == status


def test_without_a_key_every_request_is_a_job(api: Service) -> None:
    assert send_film(api, None, 1).get_json()["id"] != send_film(api, None, 1).get_json()["id"]
    assert len(jobs(api)) == 2


def test_a_bad_key_is_refused(api: Service) -> None:
    answer = send_film(api, "a b", 1)
    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_parameter")


# Parts that are down.


def assert_refused_for_now(answer: Any, code: str) -> None:
    assert (answer.status_code, answer.get_json()["code"]) == (503, code)
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.content_type == "application/problem+json"


BODIES = [
    ({"data": films.jpeg(1), "content_type": "image/jpeg"}),
    ({"data": archives.zip_of_films(2), "content_type": ZIP}),
]


@pytest.mark.parametrize("body", BODIES)
def test_a_database_that_is_down(body: dict[str, Any], tmp_path: Path) -> None:
    url = "postgresql://nobody@127.0.0.1:1/none"
    with service(tmp_path, database_url=url) as api:
        assert_refused_for_now(api.client.post("/v1/jobs", **body), "database_unavailable")
        assert_refused_for_now(api.submit(("a.jpg", films.jpeg(1))), "database_unavailable")
        assert_refused_for_now(api.client.get("/v1/jobs"), "database_unavailable")
        folder = api.parts.settings.objects_dir
        assert [path for path in folder.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("body", BODIES)
def test_a_store_that_is_down(body: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file where the store's folder would be")
    with service(tmp_path, store_dir=tmp_path / "file") as api:
        assert_refused_for_now(api.client.post("/v1/jobs", **body), "store_unavailable")
        assert_refused_for_now(api.submit(("a.jpg", films.jpeg(1))), "store_unavailable")
        assert jobs(api) == []


def test_a_store_that_fails_half_way_leaves_no_job(
    api: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a store whose disk fills up behind the first batch of films
    put_many, calls = api.parts.store.put_many, []

    def fail_second(objects: Any) -> None:
        calls.append(len(objects))
        if len(calls) > 1:
            raise StoreUnavailable("full")
        put_many(objects)

    monkeypatch.setattr(api.parts.store, "put_many", fail_second)
    many = [(f"{n}.jpg", films.jpeg(n, 32, 32)) for n in range(80)]
    assert_refused_for_now(api.submit(*many), "store_unavailable")
    assert len(calls) == 2
    assert jobs(api) == []


def test_a_database_that_fails_at_the_end_leaves_no_archive(
    api: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(api.parts.repository.jobs, "create_with_archive", fail)
    answer = api.client.post("/v1/jobs", data=archives.zip_of_films(2), content_type=ZIP)
    assert (answer.status_code, answer.get_json()["code"]) == (500, "internal_error")
    assert "a bug" not in answer.text
    assert objects(api) == []


@pytest.mark.parametrize("committed", [False, True])
def test_an_archive_stays_where_its_job_may_be_there(
    committed: bool, api: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a database that fails while the job is made, or whose "committed" is lost on the way
    create = api.parts.repository.jobs.create_with_archive

    def fail(*args: Any, **kwargs: Any) -> None:
        if committed:
            create(*args, **kwargs)
        raise DatabaseUnavailable("gone")

    monkeypatch.setattr(api.parts.repository.jobs, "create_with_archive", fail)
    answer = api.client.post("/v1/jobs", data=archives.zip_of_films(2), content_type=ZIP)
    assert_refused_for_now(answer, "database_unavailable")
    assert (len(jobs(api)), len(objects(api))) == (committed, 1)


def test_large_interactive_jobs_store_nothing(api: Service) -> None:
    many = [(f"{n}.jpg", films.jpeg(n)) for n in range(17)]
    answer = api.submit(*many, priority="interactive")
    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_parameter")
    assert objects(api) == []
    assert api.job(*many[:16], priority="interactive")["priority"] == "interactive"


def test_no_broker_at_all_is_no_reason_to_refuse(api: Service) -> None:
    # Every test here runs without a broker: this one says so, and that the job is whole.
    job = api.job(("a.jpg", films.jpeg(1)))
    assert api.client.get(job["links"]["self"]).get_json()["status"] == "running"
    assert api.client.get("/readyz").get_json()["parts"]["broker"] == "down"


def test_names_are_kept_for_people_only(api: Service, capsys: pytest.CaptureFixture[str]) -> None:
    name = "Hong_Gildong_secret.jpg"
    job = api.job((name, films.jpeg(1)), ("x", films.text_named_jpg()), name="Hong secret")
    api.client.post(f"/v1/jobs?filename={name}", data=films.text_named_jpg())
    api.client.get(f"/v1/secret/{name}?patient=secret")
    api.client.open("/v1/jobs", method="SECRET")
    assert items(api, job)[0]["name"] == name
    assert not any("secret" in key for key in objects(api))
    log = capsys.readouterr().out
    assert log.count('"event": "request"') == 5
    assert "secret" not in log.lower()
    assert "secret" not in api.client.get("/metrics").text.lower()


class FormOfManyFilms(io.RawIOBase):
    """A form that is made while it is read."""

    def __init__(self, film: bytes, count: int) -> None:
        head = b'--b\r\nContent-Disposition: form-data; name="f"; filename="a.jpg"\r\n\r\n'
        self._part = head + film + b"\r\n"
        self._parts_left = count
        self._left = b""
        self.size = len(self._part) * count + len(b"--b--\r\n")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._left and self._parts_left >= 0:
            self._parts_left -= 1
            self._left = self._part if self._parts_left >= 0 else b"--b--\r\n"
        data, self._left = self._left[: len(buffer)], self._left[len(buffer) :]
        buffer[: len(data)] = data
        return len(data)


def test_a_large_form_needs_little_memory(api: Service) -> None:
    # Given 100 MB of films in one form
    body = FormOfManyFilms(films.jpeg(1) + bytes(1_000_000), 100)
    tracemalloc.start()
    answer = api.client.post(
        "/v1/jobs",
        environ_overrides={
            "wsgi.input": io.BufferedReader(body),
            "wsgi.input_terminated": True,
            "CONTENT_TYPE": "multipart/form-data; boundary=b",
            "CONTENT_LENGTH": str(body.size),
        },
    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # Then all are taken, and never more than a batch of them was in memory
    assert answer.get_json()["counts"]["total"] == 100
    assert peak < 60_000_000
