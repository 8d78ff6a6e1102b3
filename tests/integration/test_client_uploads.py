"""The client's large submissions against the real API: in parts, resumed, and refused clearly."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from lungline.client import (
    InputUnusable,
    Job,
    JobOptions,
    LunglineClient,
    Retry,
    ServiceError,
    gather,
)
from lungline.client import sending as sending_module
from lungline.client.films import FilmFile
from lungline.domain import DEFAULT_TENANT
from lungline.settings import Settings, environment_of
from storage.models import JobRow, UploadRow
from tests.factories.servers import Server, running_server
from tests.factories.uploads import PART, an_archive
from tests.fixtures.parts import REPOSITORY

pytestmark = pytest.mark.integration

QUICK = Retry(tries=3, first_seconds=0.01, most_seconds=0.02)
PUT_PART = '"route": "/v1/uploads/<upload_id>/parts/<int:number>", "status": 204'
# The command as it is installed, killed as soon as the service has answered so many parts.
KILLED = """
import os, signal, sys, httpx
left, really = int(sys.argv.pop(1)), httpx.HTTPTransport.handle_request
def handle(self, request):
    global left
    answer = really(self, request)
    left -= request.method == "PUT"
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    return answer
httpx.HTTPTransport.handle_request = handle
from lungline.cli import main
main()
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("server"), upload_part_bytes=PART) as running:
        yield running


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "Hong_secret.zip"
    path.write_bytes(an_archive(4))
    return path


class Line(httpx.HTTPTransport):
    """A line on which something happens to parts."""

    def __init__(self, happen: Callable[[int, httpx.Request], httpx.Response | None]) -> None:
        super().__init__()
        self.puts = 0
        self._happen = happen

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "PUT":
            self.puts += 1
            answer = self._happen(self.puts, request)
            if answer is not None:
                return answer
        return super().handle_request(request)


class Cut(httpx.HTTPTransport):
    """A line that is cut before the answer to a job comes."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = super().handle_request(request)
        if request.url.path == "/v1/jobs":
            raise KeyboardInterrupt
        return answer


def client(server: Server, state: Path, line: httpx.BaseTransport | None = None) -> LunglineClient:
    return LunglineClient(
        server.settings.url, retry=QUICK, transport=line, state_dir=state, upload_above=1_000_000
    )


def films_of(folder: Path, count: int) -> list[FilmFile]:
    folder.mkdir()
    for number in range(count):
        (folder / f"필름-{number}.png").write_bytes(os.urandom(4_000_000 + number))
    return gather([folder]).films


def parts_taken(server: Server) -> int:
    return server.log.read_text().count(PUT_PART)


def stored(server: Server, job_id: str) -> bytes:
    job = server.repository.jobs.get(DEFAULT_TENANT, job_id)
    return server.store.get(str(job.archive_key))


def remembered(state: Path) -> list[Path]:
    return [path for path in state.rglob("*") if path.is_file()]


def remembered_upload(state: Path) -> str:
    (memory,) = remembered(state)
    return str(json.loads(memory.read_text())["upload_id"])


def expire(server: Server, upload_id: str) -> None:
    uploads = server.repository.uploads
    with server.repository.database.write() as connection:
        over = update(UploadRow).where(UploadRow.id == upload_id).values(expires_at=0)
        connection.execute(over)
    assert uploads.expire(1) == uploads.remove(server.store) == 1
    assert server.http.get(f"/v1/uploads/{upload_id}").status_code == 404


def test_a_killed_command_goes_on_where_it_was(server: Server, tmp_path: Path) -> None:
    path, state = tmp_path / "Hong_secret.zip", tmp_path / "state"
    data = an_archive(14)
    path.write_bytes(data)
    assert len(data) > 64_000_000
    settings = server.settings.model_copy(update={"state_dir": state})
    environment = environment_of(settings) | {"PYTHONPATH": str(REPOSITORY)}
    before = parts_taken(server)
    options = {"env": environment, "capture_output": True, "text": True, "check": False}

    # Given a command that is killed when some parts have arrived
    command = ["submit", path, "--name", "night"]
    killed = subprocess.run([sys.executable, "-c", KILLED, "5", *command], **options)
    assert killed.returncode == -signal.SIGKILL
    (memory,) = remembered(state)
    assert "Hong" not in str(memory) + memory.read_text()
    upload_id = json.loads(memory.read_text())["upload_id"]
    arrived = server.http.get(f"/v1/uploads/{upload_id}").json()["parts"]
    assert 5 <= len(arrived) < 14

    # If the same command is given again
    done = subprocess.run([sys.executable, "-m", "lungline", *command], **options)

    # Then it sends only what is missing
    assert done.returncode == 0, done.stderr
    assert "Going on with an earlier upload" in done.stderr
    assert "14 parts have arrived" in done.stderr
    assert parts_taken(server) - before == 14
    job_id = done.stdout.strip()
    assert stored(server, job_id) == data
    job = server.repository.jobs.get(DEFAULT_TENANT, job_id)
    assert job.name == "night"
    assert remembered(state) == []


@pytest.mark.parametrize("gone", [False, True])
@pytest.mark.parametrize("listed", [False, True])
def test_a_command_killed_before_it_knew_its_job_makes_no_second_one(
    server: Server, archive: Path, tmp_path: Path, gone: bool, listed: bool
) -> None:
    state, name = tmp_path / "state", f"once {gone} {listed}"
    manifest = tmp_path / "list.csv" if listed else None
    if manifest is not None:
        manifest.write_text("name,external_id\n0.jpg,id-0\n")
    told = {"options": JobOptions(name=name), "manifest": manifest}

    with client(server, state, Cut()) as lungline, pytest.raises(KeyboardInterrupt):
        lungline.submit_archive(archive, **told)
    if gone:
        expire(server, remembered_upload(state))
    line = Line(lambda puts, request: None)
    with client(server, state, line) as lungline:
        job = lungline.submit_archive(archive, **told)
        assert [one.id for one in lungline.jobs() if one.name == name] == [job.id]
    assert line.puts == 0
    assert remembered(state) == []


def test_other_options_make_another_job_of_what_is_sent_anew(
    server: Server, archive: Path, tmp_path: Path
) -> None:
    with client(server, tmp_path, Cut()) as lungline, pytest.raises(KeyboardInterrupt):
        lungline.submit_archive(archive, JobOptions(name="before"))
    with client(server, tmp_path) as lungline:
        job = lungline.submit_archive(archive, JobOptions(name="after"))
        names = [one.name for one in lungline.jobs()]
    assert (names.count("before"), names.count("after"), job.name) == (1, 1, "after")
    assert stored(server, job.id) == archive.read_bytes()
    assert remembered(tmp_path / "uploads") == []


def test_films_of_a_folder_go_in_parts_and_on(server: Server, tmp_path: Path) -> None:
    state = tmp_path / "state"
    films = films_of(tmp_path / "films", 4)

    def interrupt(puts: int, request: httpx.Request) -> None:
        if puts == 3:
            upload = request.url.path.partition("/parts")[0]
            while not server.http.get(upload).json()["parts"]:
                time.sleep(0.01)
            raise KeyboardInterrupt

    with client(server, state, Line(interrupt)) as lungline, pytest.raises(KeyboardInterrupt):
        lungline.submit_films(films)
    line = Line(lambda puts, request: None)
    notes: list[str] = []
    totals: list[int] = []
    with client(server, state, line) as lungline:
        job = lungline.submit_films(films, sent=totals.append, note=notes.append)

    data = stored(server, job.id)
    archive = zipfile.ZipFile(BytesIO(data))
    assert archive.namelist() == [film.name for film in films]
    assert archive.testzip() is None
    assert len(notes) == 1
    assert line.puts < -(-len(data) // PART)
    assert totals[-1] == len(data)
    assert sorted(totals) == totals


@pytest.mark.parametrize("kind", ["archive", "films"])
def test_an_upload_goes_on_after_a_disk_could_not_be_read(
    server: Server, archive: Path, tmp_path: Path, kind: str
) -> None:
    state = tmp_path / "state"
    films = films_of(tmp_path / "films", 10)  # more than is read ahead
    file = archive if kind == "archive" else films[-1].path
    away = tmp_path / "away"

    def submit(lungline: LunglineClient, **told: Any) -> Job:
        if kind == "archive":
            return lungline.submit_archive(archive, **told)
        return lungline.submit_films(films, **told)

    def unplug(puts: int, request: httpx.Request) -> None:
        if puts == 1:
            return
        upload = request.url.path.partition("/parts")[0]
        while not server.http.get(upload).json()["parts"]:
            time.sleep(0.01)
        with suppress(FileNotFoundError):
            file.rename(away)

    with (
        client(server, state, Line(unplug)) as lungline,
        pytest.raises(InputUnusable, match="cannot be read"),
    ):
        submit(lungline)
    away.rename(file)
    line = Line(lambda puts, request: None)
    notes: list[str] = []
    with client(server, state, line) as lungline:
        job = submit(lungline, note=notes.append)

    data = stored(server, job.id)
    assert len(notes) == 1
    assert line.puts < -(-len(data) // PART)
    assert zipfile.ZipFile(BytesIO(data)).testzip() is None
    assert remembered(state) == []


def test_films_that_grew_after_they_were_found_are_sent_anew(
    server: Server, tmp_path: Path
) -> None:
    folder, state = tmp_path / "films", tmp_path / "state"
    found = films_of(folder, 8)  # more parts than go at a time: the break comes before the end
    with found[0].path.open("ab") as file:
        file.write(b"more")

    def interrupt(puts: int, request: httpx.Request) -> None:
        raise KeyboardInterrupt

    with client(server, state, Line(interrupt)) as lungline, pytest.raises(KeyboardInterrupt):
        lungline.submit_films(found)
    notes: list[str] = []
    with client(server, state) as lungline:
        job = lungline.submit_films(gather([folder]).films, note=notes.append)

    assert notes == []
    assert zipfile.ZipFile(BytesIO(stored(server, job.id))).testzip() is None


def test_a_manifest_goes_with_an_archive_in_parts_and_on(
    server: Server, archive: Path, tmp_path: Path
) -> None:
    manifest, state = tmp_path / "list.csv", tmp_path / "state"
    # Larger than what the service holds in memory of a form
    lines = (f"films/{number:07}.jpg,id-{number:07}\n" for number in range(60_000))
    manifest.write_text("name,external_id\n" + "".join(lines))

    def interrupt(puts: int, request: httpx.Request) -> None:
        if puts == 2:
            raise KeyboardInterrupt

    with client(server, state, Line(interrupt)) as lungline, pytest.raises(KeyboardInterrupt):
        lungline.submit_archive(archive, manifest=manifest)
    notes: list[str] = []
    with client(server, state) as lungline:
        job = lungline.submit_archive(archive, note=notes.append, manifest=manifest)
        again = lungline.submit_archive(archive, manifest=manifest)

    assert len(notes) == 1
    assert again.id != job.id
    assert stored(server, job.id) == archive.read_bytes()
    with server.repository.database.read() as connection:
        row = select(JobRow.manifest_key, JobRow.manifest_size).where(JobRow.id == job.id)
        key, size = connection.execute(row).one()
    assert size == manifest.stat().st_size
    assert server.store.get(key) == manifest.read_bytes()


def test_a_part_is_sent_again_until_it_arrives(
    server: Server, archive: Path, tmp_path: Path
) -> None:
    def fail(puts: int, request: httpx.Request) -> httpx.Response | None:
        if puts == 1:
            raise httpx.ReadError("the line broke")
        if puts in (2, 3):
            return httpx.Response(503, json={"code": "store_unavailable"})
        return httpx.Response(409, json={"code": "upload_busy"}) if puts == 4 else None

    line = Line(fail)
    with client(server, tmp_path, line) as lungline:
        job = lungline.submit_archive(archive)
    assert line.puts == 8
    assert stored(server, job.id) == archive.read_bytes()


def test_a_link_that_is_refused_is_asked_for_anew(
    server: Server, archive: Path, tmp_path: Path
) -> None:
    def spoil(puts: int, request: httpx.Request) -> None:
        if puts == 1:
            request.url = request.url.copy_set_param("signature", "0" * 64)

    with client(server, tmp_path, Line(spoil)) as lungline:
        job = lungline.submit_archive(archive)
    assert stored(server, job.id) == archive.read_bytes()


def test_links_that_are_refused_for_good_end_the_command(
    server: Server, archive: Path, tmp_path: Path
) -> None:
    def spoil(puts: int, request: httpx.Request) -> None:
        request.url = request.url.copy_set_param("signature", "0" * 64)

    with client(server, tmp_path, Line(spoil)) as lungline, pytest.raises(ServiceError) as caught:
        lungline.submit_archive(archive)
    assert caught.value.code == "link_invalid"
    assert len(remembered(tmp_path / "uploads")) == 1  # to be resumed


def test_a_service_that_stays_away_ends_the_command(
    server: Server, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending_module, "PATIENCE_SECONDS", 0.0)
    line = Line(lambda puts, request: httpx.Response(503, json={"detail": "Away."}))
    with client(server, tmp_path, line) as lungline, pytest.raises(ServiceError, match="Away"):
        lungline.submit_archive(archive)


def test_a_file_that_changes_is_not_submitted(
    server: Server, archive: Path, tmp_path: Path
) -> None:
    jobs = len(server.repository.jobs.page(DEFAULT_TENANT, limit=1000).items)

    def change(sent: int) -> None:
        os.utime(archive, ns=(1, 1))

    with (
        client(server, tmp_path) as lungline,
        pytest.raises(InputUnusable, match="changed while it was sent"),
    ):
        lungline.submit_archive(archive, sent=change)
    assert remembered(tmp_path / "uploads") == []
    assert len(server.repository.jobs.page(DEFAULT_TENANT, limit=1000).items) == jobs


def test_a_remembered_upload_that_has_gone_is_begun_anew(
    server: Server, archive: Path, tmp_path: Path
) -> None:
    def interrupt(puts: int, request: httpx.Request) -> None:
        raise KeyboardInterrupt

    with client(server, tmp_path, Line(interrupt)) as lungline, pytest.raises(KeyboardInterrupt):
        lungline.submit_archive(archive)
    upload_id = remembered_upload(tmp_path / "uploads")
    assert server.http.delete(f"/v1/uploads/{upload_id}").status_code == 204
    with client(server, tmp_path) as lungline:
        job = lungline.submit_archive(archive)
    assert stored(server, job.id) == archive.read_bytes()


def test_what_is_no_archive_is_refused_in_one_line(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "films.zip"
    path.write_bytes(os.urandom(1_500_000))
    with client(server, tmp_path) as lungline, pytest.raises(ServiceError) as caught:
        lungline.submit_archive(path)
    assert (caught.value.code, "\n" in caught.value.message) == ("archive_unreadable", False)
    assert remembered(tmp_path / "uploads") == []


def test_parts_go_straight_to_s3(archive: Path, tmp_path: Path, s3_settings: Settings) -> None:
    names = ("s3_bucket", "s3_endpoint_url", "s3_region", "s3_access_key", "s3_secret_key")
    fields = {name: getattr(s3_settings, name) for name in names}
    with (
        running_server(tmp_path, store="s3", upload_part_bytes=PART, **fields) as server,
        client(server, tmp_path / "state") as lungline,
    ):
        job = lungline.submit_archive(archive)
        assert stored(server, job.id) == archive.read_bytes()
        assert parts_taken(server) == 0
