"""The API under gunicorn: bodies that are large, chunked, cut off, slow or sent twice at once."""

from __future__ import annotations

import csv
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from threading import Event, Thread

import httpx
import psutil
import pytest

from lungline.domain import DEFAULT_TENANT, Priority, new_id
from lungline.queueing import Permits, Queue, make_celery
from storage.items import NewItem
from tests.factories import archives, films
from tests.factories.servers import Server, running_server
from tests.factories.services import BUNDLE, form
from tests.factories.worker_processes import wait_for
from tests.fixtures.valkey import ValkeyServer

pytestmark = pytest.mark.integration

MIB = 1024 * 1024
ZIP = {"Content-Type": "application/zip"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    with running_server(
        folder, api_threads=4, client_idle_seconds=3.0, max_body_bytes=200 * MIB
    ) as running:
        yield running


def jobs(server: Server) -> set[str]:
    page = server.repository.jobs.page(DEFAULT_TENANT, limit=1000, cursor=None)
    return {job.id for job in page.items}


def uploads(server: Server) -> set[str]:
    return set(server.store.keys(f"{DEFAULT_TENANT}/uploads/"))


@pytest.fixture
def untouched(server: Server) -> Iterator[None]:
    """Assert that the test makes no job and leaves no archive."""
    before = jobs(server), uploads(server)
    yield
    deadline = time.monotonic() + 60
    while (jobs(server), uploads(server)) != before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert (jobs(server), uploads(server)) == before


def pieces(data: bytes, size: int = 100_000) -> Iterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


def send_raw(server: Server, *parts: bytes) -> bytes:
    """Send bytes, say that there are no more, and return the whole answer."""
    with socket.create_connection(server.address, timeout=60) as connection:
        for part in parts:
            connection.sendall(part)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while data := connection.recv(65536):
            answer += data
    return answer


def head(length: str, content_type: str = "application/zip") -> bytes:
    return (
        f"POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {content_type}\r\n"
        f"{length}\r\n\r\n"
    ).encode()


def test_an_archive_may_come_in_chunks(server: Server) -> None:
    data = archives.zip_of_films(200)
    answer = server.http.post("/v1/jobs?name=chunks", content=pieces(data), headers=ZIP)
    assert answer.status_code == 202
    assert "transfer-encoding" in answer.request.headers
    job = server.repository.jobs.get(DEFAULT_TENANT, answer.json()["id"])
    assert job.archive_key is not None
    assert server.store.get(job.archive_key) == data


def test_a_form_may_come_in_chunks(server: Server) -> None:
    body = form(*((f"{n}.jpg", films.jpeg(n)) for n in range(50)))
    answer = server.http.post(
        "/v1/jobs",
        content=pieces(body["data"], 999),
        headers={"Content-Type": body["content_type"]},
    )
    assert answer.status_code == 202
    assert answer.json()["counts"]["queued"] == 50


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("content_type", ["application/zip", "image/jpeg", ""])
@pytest.mark.parametrize("length", ["Content-Length: 5000000", "Transfer-Encoding: chunked"])
def test_a_body_that_is_cut_off_makes_no_job(
    length: str, content_type: str, server: Server
) -> None:
    data = archives.zip_of_films(30) if "zip" in content_type else films.jpeg(1)
    framed = data if "Length" in length else f"{len(data) + 9:x}\r\n".encode() + data
    answer = send_raw(server, head(length, content_type), framed)
    assert answer.startswith(b"HTTP/1.1 400")
    assert b'"body_cut_off"' in answer


@pytest.mark.usefixtures("untouched")
def test_broken_chunks_make_no_job(server: Server) -> None:
    answer = send_raw(
        server, head("Transfer-Encoding: chunked"), b"4\r\nPK\x03\x04\r\nnonsense\r\n\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 400")


@pytest.mark.usefixtures("untouched")
def test_a_form_that_is_cut_off_makes_no_job(server: Server) -> None:
    body = form(("a.jpg", films.jpeg(1)), ("b.jpg", films.jpeg(2)))
    answer = send_raw(
        server, head("Content-Length: 99999", body["content_type"]), body["data"][:-200]
    )
    assert b'"body_cut_off"' in answer


@pytest.mark.usefixtures("untouched")
def test_a_client_that_vanishes_makes_no_job(server: Server) -> None:
    with socket.create_connection(server.address) as connection:
        connection.sendall(head("Content-Length: 5000000") + archives.zip_of_films(30))


@pytest.mark.usefixtures("untouched")
def test_silent_clients_are_cut_off_and_others_served(server: Server) -> None:
    # Given more silent clients, each in the middle of its body, than the server has threads
    silent = [socket.create_connection(server.address) for _ in range(6)]
    try:
        for connection in silent:
            connection.sendall(head("Content-Length: 5000000") + archives.zip_of_films(3))
        # Then others get their answer: the silent ones are given up
        assert server.http.get("/v1/jobs").status_code == 200
    finally:
        for connection in silent:
            connection.close()


@pytest.mark.parametrize(
    "beginning",
    [
        b"GET /v1/jobs HTTP/1.1\r\nX-Slow: ",
        b"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2000\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n\r\nkey=",
    ],
    ids=["headers", "body"],
)
def test_clients_that_let_bytes_drip_are_cut_off_and_others_served(
    beginning: bytes, tmp_path: Path
) -> None:
    few = {"api_threads": 2, "max_waits": 0, "max_event_streams": 0}
    with running_server(tmp_path, client_idle_seconds=3.0, **few) as server, ExitStack() as open_:
        # Given more clients that drip, never idle for long, than the server has threads
        dripping = [open_.enter_context(socket.create_connection(server.address)) for _ in "1234"]
        for connection in dripping:
            connection.sendall(beginning)
        stop = Event()
        open_.callback(stop.set)

        def drip() -> None:
            while not stop.wait(0.5):
                for connection in dripping:
                    with suppress(OSError):  # it has been cut off, as it should be
                        connection.sendall(b"x")

        Thread(target=drip, daemon=True).start()
        # Then others get their answer
        assert server.http.get("/v1/jobs").status_code == 200


@pytest.mark.usefixtures("untouched")
def test_a_body_above_the_limit_gets_its_answer(server: Server) -> None:
    chunk = bytes(MIB)

    def endless() -> Iterator[bytes]:
        yield b"PK\x03\x04"
        for _ in range(201):
            yield chunk

    answer = server.http.post("/v1/jobs", content=endless(), headers=ZIP)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


@pytest.mark.usefixtures("untouched")
def test_an_early_refusal_reaches_a_client_that_is_still_sending(server: Server) -> None:
    answer = server.http.post("/v1/jobs?priority=odd", content=bytes(20 * MIB), headers=ZIP)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_parameter")
    assert server.http.get("/healthz").status_code == 200


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    ("path", "content_type"),
    [("/sign-in", "application/x-www-form-urlencoded"), ("/v1/uploads", "application/json")],
)
def test_a_small_body_that_goes_on_gets_its_answer_and_fills_no_memory(
    path: str, content_type: str, server: Server
) -> None:
    before = server.peak_bytes()

    def endless() -> Iterator[bytes]:
        yield b"key="
        for _ in range(100):
            yield bytes(MIB)

    answer = server.http.post(path, content=endless(), headers={"Content-Type": content_type})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert server.peak_bytes() - before < 20 * MIB


def submit_zip(server: Server, size: int) -> httpx.Response:
    def content() -> Iterator[bytes]:
        yield b"PK\x03\x04"
        for _ in range(size // MIB):
            yield bytes(MIB)

    return server.http.post("/v1/jobs", content=content(), headers=ZIP)


def submit_form(server: Server, size: int) -> httpx.Response:
    opening = b'--b\r\nContent-Disposition: form-data; name="f"; filename="a.jpg"\r\n\r\n'
    film = films.jpeg(1) + bytes(MIB)

    def content() -> Iterator[bytes]:
        for _ in range(size // MIB):
            yield opening + film + b"\r\n"
        yield b"--b--\r\n"

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    return server.http.post("/v1/jobs", content=content(), headers=headers)


@pytest.mark.parametrize("submit", [submit_zip, submit_form])
def test_large_bodies_need_little_memory(
    submit: Callable[[Server, int], httpx.Response], server: Server
) -> None:
    assert submit(server, 2 * MIB).status_code == 202
    before = server.peak_bytes()
    assert submit(server, 150 * MIB).status_code == 202
    assert server.peak_bytes() - before < 60 * MIB


def put_whole(server: Server, size: int) -> httpx.Response:
    upload = server.http.post("/v1/uploads", json={"size": size}).json()

    def content() -> Iterator[bytes]:
        for _ in range(size // MIB):
            yield bytes(MIB)

    headers = {"Content-Length": str(size)}
    return server.http.put(upload["links"]["content"], content=content(), headers=headers)


def test_a_whole_upload_needs_little_memory(server: Server) -> None:
    assert put_whole(server, 2 * MIB).status_code == 200
    before = server.peak_bytes()
    answer = put_whole(server, 150 * MIB)
    assert (answer.status_code, answer.json()["status"]) == (200, "complete")
    assert server.peak_bytes() - before < 40 * MIB


def test_a_part_that_is_cut_off_has_not_arrived(server: Server) -> None:
    upload = server.http.post("/v1/uploads", json={"size": 5_000_000}).json()
    (part,) = upload["part_links"]["items"]
    request = f"PUT {part['url']} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5000000\r\n\r\n"
    answer = send_raw(server, request.encode() + bytes(4_000_000))
    assert answer.startswith(b"HTTP/1.1 400")
    assert b'"body_cut_off"' in answer
    assert server.http.get(upload["links"]["self"]).json()["parts"] == []
    server.http.delete(upload["links"]["self"])


def test_a_chunked_whole_body_ends_where_it_should(server: Server) -> None:
    upload = server.http.post("/v1/uploads", json={"size": MIB}).json()
    for size, code in ((MIB + 1, "too_large"), (MIB - 1, "wrong_size")):
        answer = server.http.put(upload["links"]["content"], content=pieces(bytes(size)))
        assert answer.json()["code"] == code
    answer = server.http.put(upload["links"]["content"], content=pieces(bytes(MIB)))
    assert answer.status_code == 200


def test_long_results_need_little_memory(server: Server) -> None:
    items = [
        NewItem(f"{n:06}.jpg", None, ("unsupported_format", "It is no picture."))
        for n in range(20_000)
    ]
    created = server.repository.jobs.create_with_films(
        DEFAULT_TENANT,
        job_id=new_id(),
        name="",
        metadata={},
        bundle=BUNDLE,
        priority=Priority.NORMAL,
        idempotency_key=None,
        request_hash=None,
        items=items,
    )
    before = server.peak_bytes()
    with server.http.stream("GET", f"/v1/jobs/{created.job.id}/results") as answer:
        names = [row["name"] for row in csv.DictReader(answer.iter_lines())]
    assert names == [item.name for item in items]
    assert server.peak_bytes() - before < 40 * MIB


def raced(server: Server, bodies: list[bytes], key: str) -> list[httpx.Response]:
    def send(body: bytes) -> httpx.Response:
        headers = {**ZIP, "Idempotency-Key": key}
        with httpx.Client(base_url=server.settings.url, timeout=60) as http:
            return http.post("/v1/jobs", content=body, headers=headers)

    with ThreadPoolExecutor(len(bodies)) as pool:
        return list(pool.map(send, bodies))


def test_the_same_request_raced_is_one_job(server: Server) -> None:
    before = jobs(server), uploads(server)
    answers = raced(server, [archives.zip_of_films(3)] * 6, "race-same")
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum("Idempotency-Replayed" in answer.headers for answer in answers) == 5
    assert len(jobs(server) - before[0]) == len(uploads(server) - before[1]) == 1


def test_other_requests_raced_under_one_key_conflict(server: Server) -> None:
    before = jobs(server), uploads(server)
    bodies = [archives.zip_of_films(3, first_seed=n) for n in range(6)]
    statuses = [answer.status_code for answer in raced(server, bodies, "race-other")]
    assert sorted(statuses) == [202, 409, 409, 409, 409, 409]
    assert len(jobs(server) - before[0]) == len(uploads(server) - before[1]) == 1


def test_the_log_names_nobody(server: Server) -> None:
    server.http.post("/v1/jobs?filename=Hong_secret.jpg", content=films.jpeg(1))
    server.http.get("/secret/Hong?patient=secret")
    assert b" 400 " in send_raw(server, b"GET /v1/jobs?name=Hong secret HTTP/1.1\r\n\r\n")
    log = server.log.read_text()
    assert '"route": "/v1/jobs"' in log
    assert "Invalid request" in log
    assert "secret" not in log


def test_it_stops_when_asked(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        assert server.http.get("/readyz").json()["status"] == "degraded"
        assert server.stop() == 0


def test_permits_follow_a_commit_and_a_broker_may_be_down(
    tmp_path: Path, valkey: ValkeyServer
) -> None:
    with (
        running_server(tmp_path, broker_url=valkey.url, batch_size=8) as server,
        closing(Permits(make_celery(server.settings), server.settings)) as permits,
    ):
        assert server.http.get("/readyz").json()["status"] == "ready"
        # Given 20 films in batches of 8, and an archive
        body = form(*((f"{n}.jpg", films.jpeg(n)) for n in range(20)))
        send = {"content": body["data"], "headers": {"Content-Type": body["content_type"]}}
        assert server.http.post("/v1/jobs", **send).status_code == 202
        assert permits.ready(Queue.ANALYZE) == 3
        data = archives.zip_of_films(1)
        assert server.http.post("/v1/jobs", content=data).status_code == 202
        assert permits.ready(Queue.EXPAND) == 1
        # If the broker is stopped, jobs are taken all the same
        valkey.stop()
        for _ in range(3):
            answer = server.http.post("/v1/jobs", **send)
            assert (answer.status_code, answer.json()["counts"]["queued"]) == (202, 20)
        wait_for(lambda: server.http.get("/readyz").json()["status"] == "degraded")
        # And it is used again once it is back
        valkey.start()
        wait_for(lambda: server.http.get("/readyz").json()["status"] == "ready")


def test_no_process_that_draws_outlives_the_worker_that_started_it(server: Server) -> None:
    job = server.http.post("/v1/jobs", content=films.jpeg(77)).raise_for_status().json()
    (item,) = server.http.get(job["links"]["items"]).json()["items"]

    def drawn() -> list[psutil.Process]:
        picture = server.http.get(item["links"]["film"], params={"size": 64})
        assert picture.raise_for_status().content.startswith(b"\x89PNG")
        return [each for each in processes(server) if "storage.results.drawing" in each.cmdline()]

    for end in (psutil.Process.kill, psutil.Process.terminate):
        (drawing,) = drawn()
        worker = drawing.parent()
        assert worker is not None
        end(worker)
        wait_for(lambda gone=(worker, drawing): not any(each.is_running() for each in gone))
        wait_for(lambda: len(psutil.Process(server.process.pid).children()) == 1)


def processes(server: Server) -> list[psutil.Process]:
    return psutil.Process(server.process.pid).children(recursive=True)
