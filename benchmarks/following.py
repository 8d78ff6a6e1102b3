"""What those who follow jobs cost those who poll: `make bench-following`.

One gunicorn process with 200 event streams open on jobs that wait, and one client that polls a job
as fast as it is answered; beside it, in turns, the same without the streams. Prints, last, one line
of JSON with `polling_beside_streams`: the rate beside them as a share of the rate without.
"""

from __future__ import annotations

import json
import selectors
import socket
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Annotated
from urllib.parse import urlsplit

import httpx
import typer
from rich.console import Console

from benchmarks.films import write_films
from benchmarks.stack import running_stack
from lungline.client import LunglineClient
from lungline.client.films import gather
from lungline.settings import load_settings

JOBS = 20
FILMS = 64
WAIT_SECONDS = 60.0
console = Console(stderr=True)


def main(
    streams: Annotated[int, typer.Option(help="Event streams.")] = 200,
    rounds: Annotated[int, typer.Option(help="Rounds; the figure is their median.")] = 5,
    seconds: Annotated[float, typer.Option(help="Of polling, each time.")] = 4.0,
) -> None:
    """Measure, and print the figure."""
    shares = []
    with tempfile.TemporaryDirectory(prefix="lungline-following-") as name:
        folder = Path(name)
        settings = load_settings().model_copy(update={"max_event_streams": streams})
        with running_stack(settings, folder / "data") as client, ExitStack() as stack:
            jobs = _waiting_jobs(client, folder / "films")
            polled = stack.enter_context(httpx.Client(base_url=client.url, timeout=WAIT_SECONDS))
            path = f"/v1/jobs/{jobs[0]}"
            _polls_per_second(polled, path, 1.0)  # the first calls pay for what is set up lazily
            for _ in range(rounds):
                alone = _polls_per_second(polled, path, seconds)
                with _following(client.url, [jobs[n % JOBS] for n in range(streams)]):
                    beside = _polls_per_second(polled, path, seconds)
                console.print(f"{alone:.0f} polls/s alone, {beside:.0f} beside {streams} streams")
                shares.append(beside / alone)
    print(json.dumps({"polling_beside_streams": round(statistics.median(shares), 3)}))


def _waiting_jobs(client: LunglineClient, folder: Path) -> list[str]:
    """Submit jobs that wait as long as nobody lets them go on."""
    films = write_films(folder, JOBS * FILMS, seed=3)
    jobs = []
    for start in range(0, len(films), FILMS):
        job = client.submit_films(gather(films[start : start + FILMS]).films)
        jobs.append(client.pause(job.id))
    while any(job.counts.running for job in jobs):
        jobs = [client.job(job.id) for job in jobs]
    if any(job.status.terminal for job in jobs):
        raise RuntimeError("a job was read before it was paused")
    return [job.id for job in jobs]


def _polls_per_second(http: httpx.Client, path: str, seconds: float) -> float:
    began, polls = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        http.get(path).raise_for_status()
        polls += 1
    return polls / (time.perf_counter() - began)


@contextmanager
def _following(url: str, jobs: list[str]) -> Iterator[None]:
    """Hold an event stream of each job open; one thread reads what comes."""
    place = urlsplit(url)
    with ExitStack() as stack, selectors.DefaultSelector() as selector:
        for job in jobs:
            connection = socket.create_connection((place.hostname, place.port), WAIT_SECONDS)
            stack.enter_context(connection)
            connection.sendall(
                f"GET /v1/jobs/{job}/events HTTP/1.1\r\nHost: {place.netloc}\r\n\r\n".encode()
            )
            told = connection.recv(65536)
            if b" 200 " not in told.splitlines()[0]:
                raise RuntimeError(f"no stream: {told.splitlines()[0]!r}")
            selector.register(connection, selectors.EVENT_READ, connection)
        done = Event()
        reader = Thread(target=_drain, args=(selector, done))
        reader.start()
        try:
            yield
        finally:
            done.set()
            reader.join()


def _drain(selector: selectors.BaseSelector, done: Event) -> None:
    while not done.is_set():
        for key, _ in selector.select(0.5):
            if not key.data.recv(65536):
                raise RuntimeError("a stream ended")


if __name__ == "__main__":
    typer.run(main)
