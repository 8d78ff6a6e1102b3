"""Bad input through the whole service: it fails alone, with its code; everything else is read."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from lungline.domain import DEFAULT_TENANT
from lungline.errors import FILM_CODES
from lungline.settings import Settings
from tests.factories import archives, films, planting
from tests.factories.archives import KOREAN_NAME, RawEntry
from tests.factories.planted import MARK, marks_in
from tests.factories.whole import Json, Whole, whole_service
from tests.factories.worker_processes import wait_for
from tests.fixtures.valkey import ValkeyServer

pytestmark = pytest.mark.integration

ZIP = "application/zip"
S3_FIELDS = ("s3_bucket", "s3_endpoint_url", "s3_region", "s3_access_key", "s3_secret_key")
KEPT = {
    *("jobs.name", "jobs.client_metadata", "jobs.idempotency_key", "uploads.filename"),
    *("items.name", "items.external_id", "items.client_metadata", "entries.name"),
}
"""Columns in which names, ids and words stand as they were sent, for who sent them."""
BAD_FILMS = {
    "empty.jpg": (b"", "empty_file"),
    "text.jpg": (films.text_named_jpg(), "unsupported_format"),
    "cut.jpg": (films.truncated_jpeg(1), "truncated"),
    "cut.png": (films.truncated_png(2), "truncated"),
    "cut.dcm": (films.truncated_dicom(3), "truncated"),
    "huge.png": (films.huge_png(40_000), "too_many_pixels"),
    "none.dcm": (films.dicom_without_pixels(), "no_pixels"),
}
BAD_ENTRIES = {
    "secret.jpg": "encrypted_entry",
    "../../etc/film.jpg": "unsafe_name",
    "bad.jpg": "wrong_checksum",
    "inner.zip": "nested_archive",
    "bomb.png": "suspicious_ratio",
    "text.jpg": "unsupported_format",
    "cut.jpg": "truncated",
    "huge.png": "too_many_pixels",
    "link.jpg": "special_entry",
}


@pytest.fixture(scope="module")
def service(valkey: ValkeyServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    with whole_service(tmp_path_factory.mktemp("whole"), valkey, log_level="DEBUG") as running:
        yield running


@pytest.fixture(scope="module")
def on_servers(
    valkey: ValkeyServer,
    postgres_url: str,
    s3_settings: Settings,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Whole]:
    """The same on PostgreSQL and S3."""
    more: dict[str, Any] = {name: getattr(s3_settings, name) for name in S3_FIELDS}
    more |= {"store": "s3", "database_url": postgres_url, "log_level": "DEBUG"}
    more["broker_url"] = valkey.url.removesuffix("/0") + "/1"  # the other service has 0
    with whole_service(tmp_path_factory.mktemp("servers"), valkey, **more) as running:
        yield running


def assert_bad_ones_failed_alone(service: Whole, job: Json, expected: dict[str, str]) -> None:
    """The job has ended with errors; each film has its code and a reason, or was read."""
    ended = service.finished(job)
    items = service.items(job)
    good = [name for name, code in expected.items() if not code]
    bad = [name for name, code in expected.items() if code]
    assert ended["status"] == "completed_with_errors"
    assert (ended["counts"]["succeeded"], ended["counts"]["failed"]) == (len(good), len(bad))
    assert service.codes(job) == expected
    for name in good:
        assert (items[name]["status"], items[name]["error"]) == ("succeeded", None)
        assert items[name]["prediction"]["top_label"]
    for name in bad:
        error = items[name]["error"]
        assert (items[name]["status"], error["code"]) == ("failed", expected[name])
        assert error["code"] in FILM_CODES
        assert error["reason"]
        assert items[name]["prediction"] is None


def test_bad_films_of_a_form_fail_alone(service: Whole) -> None:
    good = {f"good-{number}.jpg": films.jpeg(100 + number) for number in range(3)}

    job = service.send_form({name: data for name, (data, _) in BAD_FILMS.items()} | good)

    codes = {name: code for name, (_, code) in BAD_FILMS.items()} | dict.fromkeys(good, "")
    assert_bad_ones_failed_alone(service, job, codes)


def test_bad_films_of_an_archive_fail_alone(service: Whole) -> None:
    good = {f"good-{number}.jpg": films.jpeg(200 + number) for number in range(3)}
    archive = archives.zip_of({name: data for name, (data, _) in BAD_FILMS.items()} | good)

    job = service.send(archive, ZIP)

    codes = {name: code for name, (_, code) in BAD_FILMS.items()} | dict.fromkeys(good, "")
    assert_bad_ones_failed_alone(service, job, codes)


def test_bad_entries_of_an_archive_fail_alone(service: Whole) -> None:
    job = service.send(archives.hostile_zip(), ZIP)

    assert_bad_ones_failed_alone(service, job, {"good.jpg": ""} | BAD_ENTRIES)
    keys = list(service.server.store.keys(""))
    assert keys
    assert all(key.startswith(f"{DEFAULT_TENANT}/") for key in keys)


@pytest.mark.parametrize(
    ("data", "content_type"),
    [(films.truncated_jpeg(8), "image/jpeg"), (films.truncated_png(9), "image/png")],
)
def test_a_single_film_that_is_cut_is_a_job_that_failed(
    data: bytes, content_type: str, service: Whole
) -> None:
    job = service.send(data, content_type)

    assert service.finished(job)["status"] == "failed"
    (item,) = service.items(job).values()
    assert item["error"]["code"] == "truncated"


def test_names_in_the_old_korean_code_page_are_read(service: Whole) -> None:
    job = service.send(archives.cp949_zip(), ZIP)

    assert service.finished(job)["status"] == "succeeded"
    assert list(service.items(job)) == [KOREAN_NAME]
    assert service.codes(job) == {KOREAN_NAME: ""}


@pytest.mark.parametrize(
    ("archive", "code"),
    [
        (archives.zip_of_films(3)[:-30], "archive_unreadable"),
        (archives.zip_of({}), "archive_empty"),
        (
            archives.raw_zip([RawEntry(b"a", b"x"), RawEntry(b"a", b"x", offset=0)]),
            "overlapping_entries",
        ),
    ],
    ids=["cut off", "empty", "overlapping"],
)
def test_an_archive_that_is_none_is_a_job_that_failed(
    archive: bytes, code: str, service: Whole
) -> None:
    job = service.finished(service.send(archive, ZIP))

    assert (job["status"], job["error"]["code"]) == ("failed", code)
    assert job["error"]["reason"]


def test_with_the_broker_down_jobs_are_taken_and_run_when_it_is_back(
    service: Whole, valkey: ValkeyServer
) -> None:
    valkey.stop()
    film = service.send(films.jpeg(300), "image/jpeg")
    form = service.send_form({f"{n}.jpg": films.jpeg(310 + n) for n in range(3)})
    archive = service.send(archives.zip_of_films(3, first_seed=320), ZIP)
    assert service.job(film)["counts"]["queued"] == 1
    assert service.server.http.get("/readyz").json()["status"] == "degraded"

    valkey.empty()
    valkey.start()

    for job, count in ((film, 1), (form, 3), (archive, 3)):
        ended = service.finished(job)
        assert (ended["status"], ended["counts"]["succeeded"]) == ("succeeded", count)


@pytest.mark.parametrize("parts", ["service", "on_servers"])
def test_no_identifier_is_written_anywhere_but_for_its_owner(
    parts: str, request: pytest.FixtureRequest, valkey: ValkeyServer
) -> None:
    """Plants a mark wherever a name or number of a child may stand, and looks for it everywhere."""
    service: Whole = request.getfixturevalue(parts)
    server, store = service.server, service.server.store
    with httpx.Client(base_url=server.settings.url, timeout=60, headers=planting.HEADERS) as http:
        jobs = [*planting.films_and_archives(http), planting.upload(http)]
        for job in jobs:
            service.finished(job)
        planting.found(http, jobs)
        planting.wrong(http, jobs[0])
        answers = [*planting.pictures(service, http, jobs[0]), http.get("/metrics").content]
        if not server.repository.database.is_sqlite:
            answers.append(planting.crashed(service, http))
    with socket.create_connection(server.address) as broken:
        broken.sendall(f"GET /{MARK} HTTP/{MARK}\r\nHost: {MARK}\r\n\r\n".encode())
        broken.recv(1_000)
    wait_for(lambda: not [key for key in store.keys("") if "/uploads/" in key])

    assert not [answer for answer in answers if marks_in(answer)]
    for job in jobs:
        entries = server.http.get(job["links"]["entries"]).json()["items"]
        for each in (service.job(job), *service.items(job).values(), *entries):
            assert not marks_in(repr(each["error"]).encode())
    stored = list(store.keys(""))
    assert len([key for key in stored if "/films/" in key]) >= 8
    for key in stored:
        assert not marks_in(key.encode()), key
        assert not marks_in(store.get(key)), key
    if server.settings.store == "s3":
        assert not marks_in(planting.kept_beside(server.settings).encode())
    assert planting.columns(service) == KEPT
    assert b'"level": "debug"' in server.log.read_bytes()
    folder = server.log.parent
    assert len([log for log in folder.rglob("*.log") if log.stat().st_size]) >= 4
    valkey.copy_data(folder / "broker")
    for path in folder.rglob("*"):
        assert not marks_in(str(path).encode()), path
        if path.is_file() and not path.name.startswith("lungline.db"):
            assert not marks_in(path.read_bytes()), path
