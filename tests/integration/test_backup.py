"""What was backed up is there again after a restore, in databases and stores of either kind."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from sqlalchemy import Connection, MetaData, delete, func, select

from lungline.domain import DEFAULT_TENANT, ItemStatus, JobStatus
from lungline.settings import Settings
from storage.backup import BackupUnusable, Manifest, TargetNotEmpty, restore_backup, take_backup
from storage.backup.tables import VERSION_TABLE, reflect
from storage.database import Database
from storage.events import EventType
from storage.migrate import current_revision, head_revision, upgrade
from storage.models import DeliveryRow, EventRow
from storage.objects import ObjectStore, open_store
from storage.objects.local import LocalStore
from storage.repository import Repository
from storage.webhooks import DAY, SETTLED_SECONDS
from tests.e2e.upstack import lungline
from tests.factories import archives, films
from tests.factories.rows import read_all, submit
from tests.factories.services import Service, service
from tests.factories.work import Desk, exporter, make_settings
from workers.expand import expand_archive
from workers.sweep import sweep

pytestmark = pytest.mark.integration

PAIRS = ("sqlite+local", "postgresql+s3")


@dataclass(frozen=True)
class Place:
    """Where a service keeps everything."""

    settings: dict[str, Any]

    @cached_property
    def database(self) -> Database:
        return Database(str(self.settings["database_url"]))

    @cached_property
    def store(self) -> ObjectStore:
        return open_store(Settings(**self.settings))

    def content(self) -> tuple[dict[str, list[tuple[Any, ...]]], dict[str, bytes]]:
        """All rows and all objects."""
        database, store = self.database, self.store
        with database.read() as connection:
            rows = {
                table.name: sorted(map(tuple, connection.execute(select(table))), key=repr)
                for table in reflect(connection)
            }
        return rows, {key: store.get(key) for key in store.keys("")}


def place_of(folder: Path) -> Place:
    """An embedded stack's."""
    url = f"sqlite:///{folder / 'lungline.db'}"
    return Place({"database_url": url, "store_dir": folder / "objects"})


def old_rows(connection: Connection, sha256: str) -> None:
    """A job with a queued film, as the first revision had them."""
    tables = {table.name: table for table in reflect(connection)}
    common = {"created_at": 1.5, "weight": 1.0, "vtime": 0.0, "tenant": "t"}
    zeros = "running succeeded failed cancelled reused entries_seen expand_attempts vtime"
    job = dict.fromkeys(zeros.split(), 0) | {
        "id": "j",
        "name": "",
        "client_metadata": {"ward": 3},
        "status": JobStatus.RUNNING,
        "bundle": "tiny@1",
        "priority": 1,
        "source": "films",
        "paused": False,
        "total": 1,
        "queued": 1,
        "bytes": 4,
    }
    film = {"id": "f", "sha256": sha256, "object_key": f"t/films/{sha256}", "format": "jpeg"}
    item = {"id": "i", "job_id": "j", "seq": 0, "name": "a.jpg", "film_id": "f"}
    state = {"status": ItemStatus.QUEUED, "attempt": 0, "alone": False, "reused": False}
    rows = {
        "tenants": {"id": "t"},
        "films": film | {"width": 1, "height": 1, "size": 4},
        "jobs": job,
        "items": item | state,
    }
    for name, row in rows.items():
        known = {key: value for key, value in (common | row).items() if key in tables[name].c}
        connection.execute(tables[name].insert(), known)


def clear(place: Place) -> None:
    database, store = place.database, place.store
    with database.write() as connection:
        metadata = MetaData()
        metadata.reflect(connection)
        metadata.drop_all(connection)
    for key in list(store.keys("")):
        store.delete(key)


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """Makes an empty place of a kind."""
    made: list[Place] = []

    def make(kind: str, name: str) -> Place:
        if kind == "sqlite+local":
            (tmp_path / name).mkdir()
            found = place_of(tmp_path / name)
        else:
            s3: Settings = request.getfixturevalue("s3_settings")
            own = {field: getattr(s3, field) for field in s3.model_fields_set}
            found = Place(own | {"database_url": request.getfixturevalue("postgres_url")})
        clear(found)
        made.append(found)
        return found

    yield make
    for each in made:
        clear(each)
        each.database.dispose()


@contextmanager
def filled(folder: Path, place: Place) -> Iterator[Service]:
    upgrade(place.database)
    with service(folder, **place.settings) as api:
        api.job(("a.jpg", films.jpeg(1)), ("b.jpg", films.jpeg(2)), ("broken.jpg", b"text"))
        api.read_all()
        api.job(("c.jpg", films.jpeg(3)), metadata='{"ward": [1, null, "ü"]}')
        yield api


def told(words: str) -> None:
    assert words


@pytest.mark.parametrize(("kind", "to"), [PAIRS[:1] * 2, PAIRS[1:] * 2, PAIRS, PAIRS[::-1]])
def test_a_round_trip_keeps_everything_and_queued_films_are_read(
    place: Any, tmp_path: Path, kind: str, to: str
) -> None:
    source = place(kind, "source")
    with filled(tmp_path, source):
        made = take_backup(tmp_path / "backup", source.database, source.store, told)
    before = source.content()
    assert made == Manifest.read(tmp_path / "backup")
    assert made.objects == len(before[1])
    clear(source)

    target = source if kind == to else place(to, "target")
    restore_backup(tmp_path / "backup", target.database, target.store, told)

    assert target.content() == before
    with service(tmp_path, **target.settings) as api:
        assert api.read_all() == 1
        jobs = api.client.get("/v1/jobs").get_json()["items"]
        assert [job["status"] for job in jobs] == [
            JobStatus.SUCCEEDED,
            JobStatus.COMPLETED_WITH_ERRORS,
        ]
        api.job(("d.jpg", films.jpeg(4)))  # rows are numbered behind those that came back
        assert api.parts.repository.repairs.check_counters() == []


@pytest.mark.parametrize("known", ["cursor", "delivery"])
@pytest.mark.parametrize(("kind", "to"), [PAIRS, PAIRS[::-1]])
def test_new_events_are_told_though_the_newest_were_deleted_before_it(
    place: Any, tmp_path: Path, kind: str, to: str, known: str
) -> None:
    source = place(kind, "source")
    upgrade(source.database)
    repository = Repository(source.database)
    address = "https://example.org/"
    repository.webhooks.create(DEFAULT_TENANT, address, {EventType.FINISHED})
    job = submit(repository)
    read_all(repository)
    assert repository.webhooks.fan_out() == 1
    if known == "cursor":  # deliveries are forgotten after a while
        source.database.clock_offset = SETTLED_SECONDS + 1.0
        repository.webhooks.fan_out()
        with source.database.write() as connection:
            connection.execute(delete(DeliveryRow))
    repository.deletions.delete(DEFAULT_TENANT, job.id)
    repository.deletions.rows(source.store)
    take_backup(tmp_path / "backup", source.database, source.store, told)

    target = place(to, "target")
    restore_backup(tmp_path / "backup", target.database, target.store, told)

    restored = Repository(target.database)
    with target.database.read() as connection:
        assert connection.execute(select(func.count()).select_from(EventRow)).scalar_one() == 0
    submit(restored)
    read_all(restored)
    assert restored.webhooks.fan_out() == 1


def test_it_is_a_state_of_one_moment_while_the_service_goes_on(place: Any, tmp_path: Path) -> None:
    source = place(PAIRS[0], "source")
    with filled(tmp_path, source) as api:
        more = iter(range(10, 100))

        def send(words: str) -> None:
            api.job(("more.jpg", films.jpeg(next(more))))

        take_backup(tmp_path / "backup", source.database, source.store, send)
    target = place(PAIRS[0], "target")
    restore_backup(tmp_path / "backup", target.database, target.store, told)

    with service(tmp_path, **target.settings) as api:
        assert len(api.client.get("/v1/jobs").get_json()["items"]) == 2
        assert api.parts.repository.repairs.check_counters() == []
        assert api.read_all() == 1


@pytest.mark.parametrize("kind", PAIRS)
def test_what_goes_while_it_is_taken_is_in_it(place: Any, tmp_path: Path, kind: str) -> None:
    source = place(kind, "source")
    settings = make_settings(tmp_path, **source.settings)
    with filled(tmp_path, source) as api, exporter(settings) as expander:
        desk = Desk(settings)
        deleted = api.job(("x.jpg", films.jpeg(70)), ("y.jpg", films.jpeg(71)))["id"]
        api.read_all()
        told_of = b"name,external_id\nfilms/00000.jpg,A\n"
        archive = desk.submit_archive(archives.zip_of_films(3), manifest=told_of)
        begun: list[str] = []

        def work(words: str) -> None:
            if not begun:
                begun.append(words)
                assert expand_archive(expander)
                desk.repository.deletions.delete(DEFAULT_TENANT, deleted)
                for _ in range(3):
                    sweep(expander)

        made = take_backup(tmp_path / "backup", source.database, source.store, work)

        assert made.gone == 0
        # Afterwards all of it goes.
        before = set(source.store.keys(""))
        assert archive.archive_key in before
        for _ in range(3):
            sweep(expander)
        assert archive.archive_key not in set(source.store.keys(""))
        assert len(before) - len(set(source.store.keys(""))) == 6  # 2 films, 2 masks
        assert api.parts.repository.repairs.check_counters() == []
        desk.close()
    clear(source)
    restore_backup(tmp_path / "backup", source.database, source.store, told)

    with exporter(settings) as expander:
        repository = expander.repository
        assert expander.store.exists(repository.jobs.get(DEFAULT_TENANT, archive.id).archive_key)
        assert expand_archive(expander)
        job = repository.jobs.get(DEFAULT_TENANT, archive.id)
        assert (job.status, job.total, job.error_code) == (JobStatus.RUNNING, 3, None)
        items = repository.items.stream(DEFAULT_TENANT, deleted)
        assert [expander.store.exists(one.film.object_key) for one in items if one.film] == [
            True,
            True,
        ]


def test_an_archive_that_goes_by_its_age_as_it_begins_is_not_missed(
    place: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = place(PAIRS[0], "source")
    upgrade(source.database)
    settings = make_settings(tmp_path, retain_uploads_days=1.0, **source.settings)
    desk = Desk(settings)
    job = desk.submit_archive(archives.zip_of_films(1))
    key = str(job.archive_key)
    desk.repository.jobs.cancel(DEFAULT_TENANT, job.id)
    desk.close()
    going, dumped = Event(), Event()
    remove = LocalStore.delete

    def remove_late(store: LocalStore, one: str) -> None:
        if one == key:
            going.set()
            assert dumped.wait(60)
        remove(store, one)

    monkeypatch.setattr(LocalStore, "delete", remove_late)
    with exporter(settings) as parts, ThreadPoolExecutor(1) as pool:
        for database in (parts.repository.database, source.database):
            database.clock_offset = 2 * DAY
        swept = pool.submit(sweep, parts)
        assert going.wait(60)

        def go_on(words: str) -> None:
            dumped.set()
            swept.result()

        made = take_backup(tmp_path / "backup", source.database, source.store, go_on)

    assert made.gone == 0
    assert not source.store.exists(key)


def test_what_rows_name_and_the_store_has_not_is_counted(place: Any, tmp_path: Path) -> None:
    source = place(PAIRS[0], "source")
    with filled(tmp_path, source):
        film, mask = (next(source.store.keys(f"default/{kind}/")) for kind in ("films", "masks"))
        source.store.delete(film)
        source.store.delete(mask)

    made = lungline("backup", tmp_path / "backup", "--data", tmp_path / "source", "--json")

    assert made.returncode == 1, made.stderr
    assert "not whole" in made.stderr
    assert "2 objects" in made.stderr
    assert json.loads(made.stdout)["gone"] == 2
    assert Manifest.read(tmp_path / "backup").gone == 2


def test_a_second_backup_copies_what_is_new_and_a_damaged_copy_anew(
    place: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, folder = place(PAIRS[0], "source"), tmp_path / "backup"
    with filled(tmp_path, source) as api:
        take_backup(folder, source.database, source.store, told)
        copies = LocalStore(folder / "objects")
        damaged, removed, *_ = copies.keys("")
        copies.put(damaged, b"?" * copies.size(damaged))
        source.store.delete(removed)
        (new,) = {key for key in _keys_after(api, source)} - set(copies.keys(""))
        (folder / "manifest.json").unlink()  # as when it is broken off

        put: list[str] = []
        stream = LocalStore.put_stream

        def counted(store: LocalStore, key: str, *rest: Any) -> Any:
            put.append(key)
            return stream(store, key, *rest)

        monkeypatch.setattr(LocalStore, "put_stream", counted)
        made = take_backup(folder, source.database, source.store, told)

    assert sorted(put) == sorted([damaged, new])
    assert set(copies.keys("")) == set(source.store.keys(""))
    assert made.objects == len(set(source.store.keys("")))


def _keys_after(api: Service, source: Place) -> Iterator[str]:
    api.job(("new.jpg", films.jpeg(50)))
    return source.store.keys("")


def test_what_is_there_stays_unless_it_is_to_be_replaced(place: Any, tmp_path: Path) -> None:
    source = place(PAIRS[0], "source")
    with filled(tmp_path, source):
        take_backup(tmp_path / "backup", source.database, source.store, told)
    before = source.content()
    other = place(PAIRS[0], "other")
    other.store.put("t/films/other", b"x")
    parts = (tmp_path / "backup", other.database, other.store, told)
    with pytest.raises(TargetNotEmpty, match="object store"):
        restore_backup(*parts)
    upgrade(other.database)
    with pytest.raises(TargetNotEmpty, match="database"):
        restore_backup(*parts)

    restore_backup(*parts, replace=True)

    assert other.content() == before


def test_a_damaged_backup_is_refused_before_the_database_is_touched(
    place: Any, tmp_path: Path
) -> None:
    source, folder = place(PAIRS[0], "source"), tmp_path / "backup"
    with filled(tmp_path, source):
        take_backup(folder, source.database, source.store, told)
    target = place(PAIRS[0], "target")
    parts = (folder, target.database, target.store, told)
    copies = LocalStore(folder / "objects")
    key = next(copies.keys(""))
    good = copies.get(key)
    for bad in (good[:-1] + bytes([good[-1] ^ 1]), good[:-1]):
        copies.put(key, bad)
        with pytest.raises(BackupUnusable, match="damaged"):
            restore_backup(*parts, replace=True)
        assert not target.store.exists(key)
    copies.put(key, good)
    items = folder / "database" / "items.ndjson.gz"
    packed = items.read_bytes()
    items.write_bytes(packed[:-1])
    with pytest.raises(BackupUnusable, match=r"items\.ndjson\.gz is damaged"):
        restore_backup(*parts, replace=True)
    items.write_bytes(packed)
    written = json.loads((folder / "manifest.json").read_text())
    for change, words in (
        ({"objects": 0}, "objects.db is damaged"),
        ({"revision": "9999"}, "does not know"),
        ({"format": 99}, "does not know"),
    ):
        (folder / "manifest.json").write_text(json.dumps(written | change))
        with pytest.raises(BackupUnusable, match=words):
            restore_backup(*parts, replace=True)
    (folder / "manifest.json").unlink()
    with pytest.raises(BackupUnusable, match="no finished backup"):
        restore_backup(*parts, replace=True)
    assert current_revision(target.database) is None


@pytest.mark.parametrize("kind", PAIRS)
def test_a_backup_of_the_first_revision_is_brought_up_to_date(
    place: Any, tmp_path: Path, kind: str
) -> None:
    source = place(kind, "source")
    database = source.database
    upgrade(database, "0001")
    sha = hashlib.sha256(b"film").hexdigest()
    source.store.put(f"t/films/{sha}", b"film")
    with database.write() as connection:
        old_rows(connection, sha)
    take_backup(tmp_path / "backup", database, source.store, told)
    clear(source)

    restore_backup(tmp_path / "backup", source.database, source.store, told)

    assert current_revision(source.database) == head_revision()
    rows, objects = source.content()
    assert VERSION_TABLE not in rows
    assert len(rows["jobs"]) == len(rows["items"]) == len(rows["films"]) == 1
    assert ItemStatus.QUEUED in rows["items"][0]
    assert objects == {f"t/films/{sha}": b"film"}


def test_the_commands_copy_a_data_folder_and_say_what_is_in_it(place: Any, tmp_path: Path) -> None:
    source = place(PAIRS[0], "source")
    with filled(tmp_path, source):
        made = lungline("backup", tmp_path / "backup", "--data", tmp_path / "source")
    assert made.returncode == 0, made.stderr
    assert "is whole" in made.stderr
    assert "the secrets of webhooks" in made.stderr

    (tmp_path / "target").mkdir()
    back = lungline("restore", tmp_path / "backup", "--data", tmp_path / "target")
    again = lungline("restore", tmp_path / "backup", "--data", tmp_path / "target")

    assert back.returncode == 0, back.stderr
    assert (again.returncode, "--replace" in again.stderr) == (2, True)
    assert (tmp_path / "backup").stat().st_mode & 0o077 == 0
    target = place_of(tmp_path / "target")
    assert target.content() == source.content()
    target.database.dispose()
