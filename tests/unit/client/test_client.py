"""What the client sends, and what it makes of the answers."""

from __future__ import annotations

import json
import re
import zipfile
from io import BytesIO
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from werkzeug.formparser import parse_form_data

from lungline.client import (
    InputUnusable,
    JobOptions,
    LunglineClient,
    Retry,
    ServiceError,
    ServiceUnreachable,
    gather,
)
from lungline.domain import JobStatus
from lungline.errors import ConfigurationError
from tests.factories import films
from tests.factories.scripted import JOB_ID, Answer, Seen, job_wire, problem, scripted
from tests.fixtures.ports import NOBODY_URL

QUICK = Retry(tries=3, first_seconds=0.01, most_seconds=0.02)
ACCEPTED = Answer(job_wire("running"), 202)


def client(url: str) -> LunglineClient:
    return LunglineClient(url, retry=QUICK)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(3):
        (tmp_path / f"{number}.jpg").write_bytes(films.jpeg(number))
    return tmp_path


def test_folder_goes_as_one_zip_in_chunks(folder: Path) -> None:
    with scripted(ACCEPTED) as service, client(service.url) as lungline:
        job = lungline.submit_films(gather([folder]).films, JobOptions(name="밤 근무"))

    (request,) = service.seen
    assert request.path == "/v1/jobs?name=%EB%B0%A4+%EA%B7%BC%EB%AC%B4"
    assert request.headers["Content-Type"] == "application/zip"
    assert request.headers["Transfer-Encoding"] == "chunked"
    assert re.fullmatch("[0-9a-f]{32}", request.headers["Idempotency-Key"])
    assert zipfile.ZipFile(BytesIO(request.body)).namelist() == ["0.jpg", "1.jpg", "2.jpg"]
    assert (job.id, job.status, job.counts.total) == (JOB_ID, JobStatus.RUNNING, 2)


def test_one_film_goes_as_it_is(folder: Path) -> None:
    with scripted(ACCEPTED) as service, client(service.url) as lungline:
        lungline.submit_films(gather([folder / "1.jpg"]).films)

    (request,) = service.seen
    assert request.path == "/v1/jobs?filename=1.jpg"
    assert request.headers["Content-Type"] == "image/jpeg"
    assert request.body == films.jpeg(1)


def test_archive_goes_as_it_is_with_its_length(tmp_path: Path) -> None:
    path = tmp_path / "films.zip"
    path.write_bytes(b"PK\3\4" + bytes(1_000_000))
    told: list[int] = []
    with scripted(ACCEPTED) as service, client(service.url) as lungline:
        lungline.submit_archive(path, JobOptions(priority="bulk"), told.append)

    (request,) = service.seen
    assert request.path == "/v1/jobs?priority=bulk&filename=films.zip"
    assert request.headers["Content-Length"] == "1000004"
    assert request.body == path.read_bytes()
    assert told[-1] == 1_000_004


def test_submission_is_repeated_with_the_same_key_and_body(folder: Path) -> None:
    away, cut = problem(503, "store_unavailable", Retry_After="0"), Answer(status=0)
    with scripted(away, cut, ACCEPTED) as service, client(service.url) as lungline:
        lungline.submit_films(gather([folder]).films)

    assert len(service.seen) == 3
    assert len({request.headers["Idempotency-Key"] for request in service.seen}) == 1
    assert len({request.body for request in service.seen}) == 1


def test_refusal_is_not_repeated_and_keeps_the_service_s_code(folder: Path) -> None:
    refusal = problem(413, "too_large", "The body is larger than 2 GiB.")
    with (
        scripted(refusal) as service,
        client(service.url) as lungline,
        pytest.raises(ServiceError, match="larger than 2 GiB") as caught,
    ):
        lungline.submit_films(gather([folder]).films)

    assert len(service.seen) == 1
    assert (caught.value.code, caught.value.status) == ("too_large", 413)
    assert caught.value.request_id == "r1"


def test_service_that_stays_away_is_given_up(folder: Path) -> None:
    with (
        scripted(problem(503, "database_unavailable")) as service,
        client(service.url) as lungline,
        pytest.raises(ServiceError, match=r"No\."),
    ):
        lungline.job(JOB_ID)

    assert len(service.seen) == QUICK.tries


def test_nobody_there() -> None:
    with (
        client(NOBODY_URL) as lungline,
        pytest.raises(ServiceUnreachable, match="lungline up") as caught,
    ):
        lungline.job(JOB_ID)

    assert NOBODY_URL in caught.value.message


def test_answer_of_something_else_is_no_job() -> None:
    with (
        scripted(Answer(b"<html>hello</html>")) as service,
        client(service.url) as lungline,
        pytest.raises(ServiceUnreachable, match="not Lungline"),
    ):
        lungline.job(JOB_ID)


def test_problem_without_a_document_still_says_something() -> None:
    with (
        scripted(Answer(b"gateway", 418)) as service,
        client(service.url) as lungline,
        pytest.raises(ServiceError, match="HTTP status 418") as caught,
    ):
        lungline.job(JOB_ID)

    assert caught.value.code == "http_418"


def test_watch_goes_on_until_the_job_has_ended_through_an_outage() -> None:
    away: list[str] = []
    outage = [problem(503, "database_unavailable")] * QUICK.tries
    states = (Answer(job_wire("expanding")), *outage, Answer(job_wire("succeeded")))
    with scripted(*states) as service, client(service.url) as lungline:
        seen = [job.status for job in lungline.watch(JOB_ID, away.append)]

    assert seen == [JobStatus.EXPANDING, JobStatus.SUCCEEDED]
    assert away == ["No."]


def test_items_come_page_by_page() -> None:
    path = f"/v1/jobs/{JOB_ID}/items?status=failed&cursor=c1"
    link = f'<http://elsewhere.example{path}>; rel="next"'
    failed = {"id": "1", "job_id": JOB_ID, "name": "a", "status": "failed"}
    wires = [failed | {"seq": seq} for seq in range(3)]
    pages = (
        Answer({"items": wires[:2], "next": "c1"}, headers={"Link": link}),
        Answer({"items": wires[2:], "next": None}),
    )
    with scripted(*pages) as service, client(service.url) as lungline:
        items = list(lungline.items(JOB_ID, status="failed"))

    assert [item.seq for item in items] == [0, 1, 2]
    # The link decides what is asked for, but never whom
    assert [request.path for request in service.seen] == [path.removesuffix("&cursor=c1"), path]


def test_watch_waits_for_news_of_what_it_does_not_know() -> None:
    running, ended = (job_wire(status) for status in ("running", "succeeded"))
    states = (
        Answer(running, headers={"ETag": 'W/"1"'}),
        Answer(b"", 304, {"ETag": 'W/"1"'}),
        Answer(ended, headers={"ETag": 'W/"2"'}),
    )
    with scripted(*states) as service, client(service.url) as lungline:
        seen = [job.status for job in lungline.watch(JOB_ID)]

    assert seen == [JobStatus.RUNNING, JobStatus.SUCCEEDED]
    first, *later = service.seen
    assert first.path == f"/v1/jobs/{JOB_ID}"
    assert [request.path for request in later] == [f"/v1/jobs/{JOB_ID}?wait=20"] * 2
    assert [request.headers["If-None-Match"] for request in later] == ['W/"1"'] * 2


def test_results_are_a_stream() -> None:
    with (
        scripted(Answer(b"item_id,name\n" * 1000)) as service,
        client(service.url) as lungline,
        lungline.results(JOB_ID, "csv") as pieces,
    ):
        assert b"".join(pieces) == b"item_id,name\n" * 1000

    assert service.seen[0].path == f"/v1/jobs/{JOB_ID}/results?format=csv"


def test_a_quota_that_is_used_up_for_long_is_told_at_once() -> None:
    refusal = problem(429, "storage_quota_reached", **{"Retry-After": "3600"})
    with (
        scripted(refusal, Answer(job_wire())) as service,
        client(service.url) as lungline,
        pytest.raises(ServiceError) as caught,
    ):
        lungline.job(JOB_ID)

    assert caught.value.code == "storage_quota_reached"
    assert len(service.seen) == 1


def test_results_of_an_unknown_job_are_an_error() -> None:
    with (
        scripted(problem(404, "job_not_found")) as service,
        client(service.url) as lungline,
        pytest.raises(ServiceError) as caught,
        lungline.results(JOB_ID),
    ):
        pass

    assert caught.value.code == "job_not_found"


def test_cancel() -> None:
    with scripted(Answer(job_wire("cancelled"))) as service, client(service.url) as lungline:
        assert lungline.cancel(JOB_ID).status is JobStatus.CANCELLED

    assert (service.seen[0].method, service.seen[0].path) == ("POST", f"/v1/jobs/{JOB_ID}/cancel")


@pytest.mark.parametrize("job_id", ["", "../items", "a b", "x?y"])
def test_what_is_no_job_id_never_becomes_an_address(job_id: str) -> None:
    with client("http://127.0.0.1:1") as lungline, pytest.raises(InputUnusable, match="job id"):
        lungline.job(job_id)


@pytest.mark.parametrize("url", ["", "127.0.0.1:8570", "ftp://x", "http://"])
def test_address_that_is_none(url: str) -> None:
    with pytest.raises(ConfigurationError, match="LUNGLINE_URL"):
        client(url)


def test_waits_double_up_to_a_limit_and_follow_the_service() -> None:
    retry = Retry(first_seconds=1, most_seconds=4)

    assert all(retry.wait(failures) <= min(2 ** (failures - 1), 4) for failures in range(1, 9))
    assert retry.wait(1, retry_after=3) == 3
    assert retry.wait(1, retry_after=3600) == 4


def test_what_is_said_of_job_and_film_goes_along(folder: Path) -> None:
    options = JobOptions(metadata={"study": 7}, external_id="A 1", film_metadata={"age": 3})
    with scripted(ACCEPTED) as service, client(service.url) as lungline:
        lungline.submit_films(gather([folder / "1.jpg"]).films, options)

    (request,) = service.seen
    assert dict(parse_qsl(urlsplit(request.path).query)) == {
        "metadata": '{"study": 7}',
        "external_id": "A 1",
        "film_metadata": '{"age": 3}',
        "filename": "1.jpg",
    }


def form(request: Seen) -> tuple[dict[str, str], dict[str, bytes]]:
    """The fields and the files of a form."""
    environ = {
        "wsgi.input": BytesIO(request.body),
        "CONTENT_LENGTH": str(len(request.body)),
        "CONTENT_TYPE": request.headers["Content-Type"],
        "REQUEST_METHOD": "POST",
    }
    _, fields, files = parse_form_data(environ)
    content = {name: file.read() for name, file in files.items()}
    for file in files.values():
        file.close()
    return fields.to_dict(), content


def test_a_manifest_goes_with_its_archive_again_after_a_failure(tmp_path: Path) -> None:
    archive, manifest = tmp_path / "films.zip", tmp_path / "list.csv"
    archive.write_bytes(b"PK" * 300_000)
    manifest.write_bytes(b"name,external_id\na.jpg,7\n")
    away = Answer(problem("database_unavailable", 503), 503)
    options = JobOptions(name="밤", metadata={"ward": 3})

    with scripted(away, ACCEPTED) as service, client(service.url) as lungline:
        job = lungline.submit(archive, options, manifest=manifest)

    first, second = service.seen
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]
    for request in (first, second):
        fields, files = form(request)
        assert fields == {"name": "밤", "metadata": '{"ward": 3}'}
        assert files == {"manifest": manifest.read_bytes(), "file": archive.read_bytes()}
    assert job.id == JOB_ID


def test_a_manifest_of_films_goes_with_their_zip(folder: Path) -> None:
    manifest = folder / "list.csv"
    manifest.write_bytes(b"name\n1.jpg\n")
    with scripted(ACCEPTED) as service, client(service.url) as lungline:
        lungline.submit(folder / "1.jpg", manifest=manifest)

    _, files = form(service.seen[0])
    assert zipfile.ZipFile(BytesIO(files["file"])).namelist() == ["1.jpg"]


def test_a_prefix_is_named_and_nothing_is_sent_but_its_manifest(tmp_path: Path) -> None:
    manifest = tmp_path / "list.ndjson"
    manifest.write_bytes(b'{"name": "a.jpg"}\n')
    options = JobOptions(metadata={"ward": 3}, expires_in=60)
    with scripted(ACCEPTED) as service, client(service.url) as lungline:
        lungline.submit_prefix("ward/a/", options)
        lungline.submit_prefix("ward/a/", options, manifest=manifest)

    plain, listed = service.seen
    document = {"prefix": "ward/a/", "metadata": {"ward": 3}, "expires_in": 60}
    assert json.loads(plain.body) == document
    fields, files = form(listed)
    assert fields == {"prefix": "ward/a/", "metadata": '{"ward": 3}', "expires_in": "60"}
    assert files == {"manifest": manifest.read_bytes()}


def test_a_manifest_that_is_not_there_or_empty_is_told(tmp_path: Path) -> None:
    empty = tmp_path / "empty.csv"
    empty.touch()
    with scripted(ACCEPTED) as service, client(service.url) as lungline:
        with pytest.raises(InputUnusable, match="is empty"):
            lungline.submit_prefix("ward/a/", manifest=empty)
        with pytest.raises(InputUnusable, match="cannot be read"):
            lungline.submit_prefix("ward/a/", manifest=tmp_path / "none.csv")
        with pytest.raises(InputUnusable, match="the path of films"):
            lungline.submit(b"PK", manifest=empty)
    assert service.seen == []
