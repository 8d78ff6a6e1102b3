"""Following a job under gunicorn: long polls and preferred waits beside ordinary requests."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from storage.claims import Outcome
from tests.factories import films
from tests.factories.servers import Server, running_server
from tests.factories.services import prediction

pytestmark = pytest.mark.integration

THREADS = 2
SEATS = 6
STREAMS = 4
LONG = 600


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("following")
    with running_server(
        folder,
        api_threads=THREADS,
        max_waits=SEATS,
        max_wait_seconds=LONG,
        max_event_streams=STREAMS,
    ) as running:
        yield running


def submit(server: Server, seed: int, count: int = 1) -> str:
    """Submit films that nobody has read yet; return the job's id."""
    files = [("f", (f"{n}.jpg", films.jpeg(seed + n))) for n in range(count)]
    return str(server.http.post("/v1/jobs", files=files).json()["id"])


def read(server: Server, films_at_once: int = 64) -> int:
    """Read a batch as a worker would."""
    claims = server.repository.claims
    batch = claims.claim("w1", limit=films_at_once, lease_seconds=60, hard_seconds=60)
    if batch is None:
        return 0
    outcomes = [Outcome(item.id, prediction(), None) for item in batch.items]
    return claims.finish(batch.lease_id, outcomes)


@contextmanager
def reading(server: Server) -> Iterator[None]:
    """Somebody reads what comes."""
    done = threading.Event()

    def work() -> None:
        while not done.wait(0.02):
            read(server)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@contextmanager
def polls(server: Server, job: str, tag: str, count: int) -> Iterator[list[socket.socket]]:
    """Clients that have each asked for a version of a job after `tag`."""
    asked = (
        f"GET /v1/jobs/{job}?wait={LONG} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"If-None-Match: {tag}\r\nConnection: close\r\n\r\n"
    )
    clients = [socket.create_connection(server.address, timeout=60) for _ in range(count)]
    try:
        for client in clients:
            client.sendall(asked.encode())
        yield clients
    finally:
        for client in clients:
            client.close()


def answered(client: socket.socket) -> bytes:
    """All that a client gets."""
    answer = b""
    while data := client.recv(65536):
        answer += data
    return answer


def test_one_film_is_read_in_one_call(server: Server) -> None:
    with reading(server):
        answer = server.http.post(
            "/v1/jobs?filename=a.jpg", content=films.jpeg(1), headers={"Prefer": "wait=100"}
        )
    assert (answer.status_code, answer.headers["Preference-Applied"]) == (200, "wait=100")
    assert answer.json()["prediction"]["top_label"] == "bacterial_pneumonia"


def test_waiting_clients_keep_nobody_from_an_answer(server: Server) -> None:
    # Given more long polls than there are threads for ordinary requests
    job = submit(server, 100, count=3)
    tag = server.http.get(f"/v1/jobs/{job}").headers["ETag"]
    with polls(server, job, tag, SEATS) as clients:
        # Then others are answered
        for _ in range(5):
            assert server.http.get("/v1/jobs").status_code == 200
        # And each that waits hears of the change
        read(server, films_at_once=1)
        for client in clients:
            answer = answered(client)
            assert answer.startswith(b"HTTP/1.1 200")
            assert tag.encode() not in answer


def test_clients_that_have_gone_leave_their_seats(server: Server) -> None:
    job = submit(server, 200)
    tag = server.http.get(f"/v1/jobs/{job}").headers["ETag"]
    for _ in range(3):
        with polls(server, job, tag, SEATS):
            assert server.http.get("/v1/jobs").status_code == 200
    # Then one finds a seat, sooner or later, and sits there until there is news
    reader = threading.Timer(1.0, read, [server])
    reader.start()
    refused = b"304 NOT MODIFIED"
    while refused.lower() in (answer := _poll(server, job, tag)).lower():
        time.sleep(0.05)
    reader.join()
    assert b'"queued":0' in answer  # news: it was claimed, and maybe read by now
    assert server.http.get(f"/v1/jobs/{job}").json()["counts"]["succeeded"] == 1


def _poll(server: Server, job: str, tag: str) -> bytes:
    with polls(server, job, tag, 1) as (client,):
        return answered(client)


def test_it_stops_although_clients_wait(tmp_path: Path) -> None:
    with running_server(tmp_path, max_wait_seconds=LONG) as server:
        job = submit(server, 300)
        tag = server.http.get(f"/v1/jobs/{job}").headers["ETag"]
        with polls(server, job, tag, 3) as clients:
            assert server.http.get("/v1/jobs").status_code == 200
            assert server.stop() == 0
            assert all(answered(client).startswith(b"HTTP/1.1 304") for client in clients)


def until(lines: Iterator[str], line: str) -> list[str]:
    """The lines of a stream up to one, which must come."""
    taken = []
    for each in lines:
        taken.append(each)
        if each == line:
            return taken
    raise AssertionError(f"the stream ended without {line!r}: {taken}")


def test_a_stream_tells_what_happens_while_it_happens(server: Server) -> None:
    job = submit(server, 400, count=3)
    path = f"/v1/jobs/{job}/events"
    with server.http.stream("GET", path) as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        lines = stream.iter_lines()
        told = until(lines, "event: job")
        assert "event: job.created" in told
        # If films are read one by one, each is told before the next is read
        for count in (1, 2, 3):
            read(server, films_at_once=1)
            while f'"succeeded": {count}' not in next(lines):
                pass
        # Then the stream ends with the job
        list(lines)
    # And a reader that was cut off goes on where it was
    last = next(line for line in reversed(told) if line.startswith("id: "))
    again = server.http.get(path, headers={"Last-Event-ID": last.removeprefix("id: ")})
    assert "event: job.finished" in again.text
    assert "event: job.created" not in again.text


def test_streams_keep_nobody_from_an_answer_and_free_their_threads(server: Server) -> None:
    path = f"/v1/jobs/{submit(server, 500)}/events"
    for _ in range(3):
        with ExitStack() as stack:
            # Given as many streams as may be, more than threads for ordinary requests
            held = [_open_stream(server, path, stack).iter_lines() for _ in range(STREAMS)]
            for lines in held:
                until(lines, "event: job")
            # Then a further one is refused, and others are answered
            refused = server.http.get(path)
            assert (refused.status_code, refused.json()["code"]) == (503, "too_many_streams")
            assert server.http.get("/v1/jobs").status_code == 200
        # And those that have gone make room


def _open_stream(server: Server, path: str, stack: ExitStack) -> httpx.Response:
    """Open a stream as soon as there is room."""
    http = stack.enter_context(httpx.Client(base_url=server.settings.url, timeout=60))
    while True:
        stream = stack.enter_context(http.stream("GET", path))
        if stream.status_code == 200:
            return stream
        stream.read()
        time.sleep(0.05)


def test_it_stops_although_clients_follow(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        path = f"/v1/jobs/{submit(server, 600)}/events"
        with server.http.stream("GET", path) as stream:
            lines = stream.iter_lines()
            until(lines, "event: job")
            assert server.stop() == 0
            list(lines)
