"""Every part restarted one after the other, under load, by the procedures of docs/operations.md.

Nothing is lost, each film is read once, no connection is refused, and no answer is a server error
but 503 with Retry-After.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import psutil
import pytest
from sqlalchemy import func, select

from lungline.client.client import LunglineClient
from lungline.domain import DEFAULT_TENANT, ItemStatus, JobStatus, new_id
from lungline.stack.folders import Folders
from lungline.stack.listener import open_listener
from lungline.stack.plan import Plan, embedded
from storage.jobs import Job
from storage.models import JobRow
from tests.e2e.upstack import all_gone
from tests.factories.bundle import tiny_bundle
from tests.factories.work import Desk, make_settings, migrate
from tests.faults.drill.drill import PATIENT, zip_of
from tests.faults.drill.films import make_films
from tests.faults.drill.pairs import EMBEDDED, running_pair
from tests.faults.drill.stack import Stack, wait_for
from tests.fixtures.parts import REPOSITORY

pytestmark = pytest.mark.faults

FILMS = 400
READY = '"event": "ready"'
WORKERS = ("analyze", "expand", "control", "beat")
SETTINGS = {"batch_size": 8, "sweep_interval_seconds": 0.5, "lease_seconds": 60.0}
"""On a busy machine a lease that ends too soon would let a film be read twice."""


class Clients:
    """Clients that submit single films, one a thread, and keep account of every answer.

    Attributes:
        accepted: Ids of the jobs that were promised.
        answers: How often each status came.
        wrong: What must not happen.
    """

    def __init__(self, url: str, *, keep_alive: bool, seed: int) -> None:
        self._url, self._keep_alive = url, keep_alive
        self._films = iter(make_films(2_000, seed))
        self.accepted: list[str] = []
        self.answers: Counter[int] = Counter()
        self.wrong: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Clients:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def await_more(self, count: int = 5) -> None:
        """Wait for further films to be taken."""
        wanted = len(self.accepted) + count
        wait_for(lambda: bool(self.wrong) or len(self.accepted) >= wanted, "films being taken")
        assert self.wrong == []

    def _run(self) -> None:
        limits = httpx.Limits(max_keepalive_connections=1 if self._keep_alive else 0)
        with httpx.Client(base_url=self._url, timeout=60, limits=limits) as http:
            while not self._stop.is_set():
                self._submit(http, next(self._films), new_id())
                time.sleep(0.1)

    def _submit(self, http: httpx.Client, film: bytes, key: str) -> None:
        """Submit a film once; a 503 is not an end but a pause."""
        headers = {"Content-Type": "image/png", "Idempotency-Key": key}
        while True:
            try:
                answer = http.post("/v1/jobs", content=film, headers=headers)
            except httpx.TransportError as error:
                self.wrong.append(repr(error))
                return
            self.answers[answer.status_code] += 1
            if answer.status_code == 202:
                self.accepted.append(answer.json()["id"])
                return
            if answer.status_code != 503 or "Retry-After" not in answer.headers:
                self.wrong.append(f"{answer.status_code}: {answer.text}")
                return
            time.sleep(0.1)


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    plan = {"batch_seconds": 0.4, "tally": str(tmp_path / "read")}
    with (
        running_pair(EMBEDDED, tmp_path) as pair,
        Stack(pair, tmp_path, plan, **SETTINGS) as running,
    ):
        yield running


@pytest.fixture
def heirs(stack: Stack) -> Iterator[list[psutil.Process]]:
    """Processes that took over from those of the stack; they end with the test."""
    found: list[psutil.Process] = []
    yield found
    for process in found:
        process.terminate()
    assert all_gone(found) == []


def restart_worker(stack: Stack, part: str) -> None:
    """SIGTERM, wait, start again: as any supervisor does."""
    stack.signal(part, signal.SIGTERM)
    stack.await_end(part)
    stack.start(part)


def replace_api(stack: Stack) -> psutil.Process:
    """SIGUSR2, wait until the new one is ready, SIGTERM to the old one."""
    log, workers = stack.settings.data_dir / "api.log", stack.children("api")
    before = log.read_text().count(READY)
    stack.signal("api", signal.SIGUSR2)
    wait_for(lambda: log.read_text().count(READY) > before, "the new API")
    (new,) = set(stack.children("api")) - set(workers)
    stack.signal("api", signal.SIGTERM)
    wait_for(lambda: not stack.alive("api"), "the old API's end")
    stack.forget("api")
    return psutil.Process(new)


def test_a_rolling_restart_loses_nothing_and_refuses_nobody(
    stack: Stack, heirs: list[psutil.Process]
) -> None:
    desk, films = Desk(stack.settings), make_films(FILMS, 1)
    archive = stack.settings.data_dir / "films.zip"
    archive.write_bytes(zip_of(films))
    url = stack.settings.url
    with LunglineClient(url, retry=PATIENT) as client:
        bulk = desk.repository.jobs.get(DEFAULT_TENANT, client.submit_archive(archive).id)

    with (
        Clients(url, keep_alive=True, seed=2) as staying,
        Clients(url, keep_alive=False, seed=3) as coming,
    ):
        for part in WORKERS:
            coming.await_more()
            restart_worker(stack, part)
        assert not desk.job(bulk).status.terminal, "the job was too short"
        coming.await_more()
        heirs.append(replace_api(stack))
        coming.await_more()
        staying.await_more()

    assert staying.wrong + coming.wrong == []
    ids = [bulk.id, *staying.accepted, *coming.accepted]
    wait_for(lambda: all(job.status.terminal for job in jobs_of(desk, ids)), "the end of all jobs")
    jobs = jobs_of(desk, ids)
    assert {job.status for job in jobs} == {JobStatus.SUCCEEDED}
    assert count_jobs(desk) == len(ids)
    assert desk.repository.repairs.check_counters() == []
    items = [item for job in jobs for item in desk.items(job)]
    assert Counter(item.status for item in items) == {ItemStatus.SUCCEEDED: FILMS + len(ids) - 1}
    read = Counter(Path(stack.plan["tally"]).read_text().split())
    assert set(read.values()) == {1}, "a film was read twice"
    assert len(read) == len(items)
    assert {hashlib.sha256(film).hexdigest() for film in films} <= set(read)
    desk.close()


def jobs_of(desk: Desk, ids: list[str]) -> list[Job]:
    """All of these jobs; every one must be there."""
    found = desk.repository.jobs.some(ids)
    assert len(found) == len(set(ids)) == len(ids)
    return list(found.values())


def test_an_api_whose_socket_is_held_is_restarted_and_refuses_nobody(tmp_path: Path) -> None:
    """As `lungline up` does when the API is told to stop: connections wait in the socket."""
    folders = Folders(tmp_path)
    folders.prepare()
    with open_listener("127.0.0.1", 0) as listener, ExitStack() as outliving_clients:
        plan = embedded(make_settings(tmp_path), REPOSITORY, folders, listener)
        migrate(plan.settings)
        tiny_bundle(plan.settings.bundles_dir / "tiny")
        url = plan.settings.url
        with (
            Clients(url, keep_alive=True, seed=4) as staying,
            Clients(url, keep_alive=False, seed=5) as coming,
        ):
            with running_api(plan):
                coming.await_more()
            outliving_clients.enter_context(running_api(plan))
            coming.await_more()
            staying.await_more()

    assert staying.wrong + coming.wrong == []
    desk = Desk(plan.settings)
    assert len(jobs_of(desk, staying.accepted + coming.accepted)) == count_jobs(desk)
    desk.close()


@contextmanager
def running_api(plan: Plan) -> Iterator[None]:
    """The API on the plan's socket; told to stop at the end."""
    process = subprocess.Popen(
        plan.api.command,
        cwd=REPOSITORY,
        env=os.environ | plan.environment | {"PYTHONPATH": str(REPOSITORY)},
        pass_fds=plan.api.keep,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        assert process.wait(60) == 0


def count_jobs(desk: Desk) -> int:
    """How many jobs there are."""
    with desk.database.read() as connection:
        return connection.execute(select(func.count()).select_from(JobRow)).scalar_one()
