"""Folders outside the service: one contract for those of the machine and of a bucket."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import boto3
import pytest

from lungline.domain import DEFAULT_TENANT, JobStatus
from lungline.errors import (
    ConfigurationError,
    FilmRejected,
    PrefixNotAllowed,
    StoreUnavailable,
)
from lungline.settings import Settings, load_settings
from storage.sources import Source, SourceUnreadable, bucket, folder, open_source
from tests.factories import archives, films
from tests.factories.s3_answers import CUT_OFF, FLIPPED, S3Answer, answer_with
from tests.factories.work import Desk, make_parts, make_settings
from tests.unit.workers.doubles import NullReader
from workers import backoff
from workers.expand import expand_archive
from workers.slices import FIRST_SLICE

pytestmark = pytest.mark.integration

Put = Callable[[str, bytes], None]


class Place:
    """Somewhere to put files, and the settings that let the service read them."""

    def __init__(self, settings: Settings, put: Put, remove: Callable[[str], None]) -> None:
        self.settings, self.put, self.remove = settings, put, remove

    def open(self, below: str = "") -> Source:
        return open_source(self.settings, DEFAULT_TENANT, f"place/{below}")


@pytest.fixture(params=["local", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "local":
        root = tmp_path / "films"
        root.mkdir()

        def put(name: str, data: bytes) -> None:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(data)

        settings = make_settings(tmp_path / "data", sources=f"place={root}")
        return Place(settings, put, lambda name: (root / name).unlink())
    s3: Settings = request.getfixturevalue("s3_settings")
    prefix = f"+{uuid4().hex}/"
    client = boto3.client(
        "s3",
        endpoint_url=s3.s3_endpoint_url,
        aws_access_key_id=s3.s3_access_key and s3.s3_access_key.get_secret_value(),
        aws_secret_access_key=s3.s3_secret_key and s3.s3_secret_key.get_secret_value(),
        region_name=s3.s3_region,
    )

    def put_object(name: str, data: bytes) -> None:
        client.put_object(Bucket=s3.s3_bucket, Key=prefix + name, Body=data)

    def remove(name: str) -> None:
        client.delete_object(Bucket=s3.s3_bucket, Key=prefix + name)

    names = ("store", "s3_bucket", "s3_endpoint_url", "s3_region", "s3_access_key", "s3_secret_key")
    same = {name: getattr(s3, name) for name in names}
    sources = f"place=s3://{s3.s3_bucket}/{prefix}"
    return Place(make_settings(tmp_path / "data", sources=sources, **same), put_object, remove)


NAMES = ["a/b/c.jpg", "a/b/d.jpg", "a/z.jpg", "b.jpg", "ward 3/폐렴 é+.jpg", "z"]


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "NAMES", 2)
    monkeypatch.setattr(bucket, "KEYS", 2)


@pytest.mark.usefixtures("small_pages")
def test_a_listing_goes_on_behind_any_file(place: Place) -> None:
    for number, name in enumerate(reversed(NAMES)):
        place.put(name, bytes(number))
    source = place.open()
    found = list(source.files(None))

    assert [file.name for file in found] == NAMES
    assert [file.size for file in found] == list(reversed(range(len(NAMES))))
    for number, file in enumerate(found):
        assert [after.name for after in source.files(file.place)] == NAMES[number + 1 :]
    # What it goes on behind may be gone
    place.remove(NAMES[1])
    assert [file.name for file in source.files(found[1].place)] == NAMES[2:]


def test_only_what_is_below_the_prefix_is_listed_and_read(place: Place) -> None:
    for name in ("ward/a.jpg", "ward-2/b.jpg", "c.jpg"):
        place.put(name, name.encode())
    source = place.open("ward/")

    (file,) = source.files(None)
    assert (file.name, source.read(file, 100)) == ("a.jpg", b"ward/a.jpg")
    assert source.read(source.named("a.jpg"), 100) == b"ward/a.jpg"
    long = "가" * 400  # 1,200 bytes
    for name in (
        "../c.jpg",
        "/etc/passwd",
        "../ward-2/b.jpg",
        "",
        "x\0",
        "none.jpg",
        "a.jpg/b",
        long,
    ):
        with pytest.raises(FilmRejected) as caught:
            source.read(source.named(name), 100)
        assert caught.value.code in {"unsafe_name", "missing_entry"}


def test_a_file_above_the_limit_or_gone_is_refused(place: Place) -> None:
    place.put("a.jpg", bytes(100))
    place.put("empty.jpg", b"")
    source = place.open()
    file, empty = source.files(None)

    assert source.read(file, 100) == bytes(100)
    assert source.read(empty, 100) == b""
    with pytest.raises(FilmRejected, match="more than 99 bytes"):
        source.read(file, 99)
    place.remove("a.jpg")
    with pytest.raises(FilmRejected, match="no film under this name"):
        source.read(file, 100)


@pytest.mark.parametrize("place", ["s3"], indirect=True)
@pytest.mark.parametrize("answer", [FLIPPED, CUT_OFF], ids=["flipped", "cut off"])
def test_what_comes_damaged_from_a_bucket_is_no_film(place: Place, answer: S3Answer) -> None:
    place.put("a.jpg", b"film")
    source = place.open()
    answer_with(source, answer, lambda path: path.endswith("a.jpg"))

    with pytest.raises(StoreUnavailable):
        source.read(source.named("a.jpg"), 100)


@pytest.mark.parametrize(
    "prefix",
    ["", "other/", "place/../", "place/a/../b/", "place//a/", "/etc/", "place/\\a", "place/a\0/"],
)
def test_what_is_not_allowed_is_refused(prefix: str, place: Place) -> None:
    with pytest.raises(PrefixNotAllowed):
        open_source(place.settings, DEFAULT_TENANT, prefix)


def test_no_link_is_followed_and_nothing_but_plain_files_is_read(tmp_path: Path) -> None:
    root, outside = tmp_path / "films", tmp_path / "outside"
    (root / "real").mkdir(parents=True)
    outside.mkdir()
    (outside / "secret.jpg").write_bytes(b"secret")
    (root / "link.jpg").symlink_to(outside / "secret.jpg")
    (root / "folder").symlink_to(outside)
    os.mkfifo(root / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as listening, suppress(OSError):
        listening.bind(str(root / "s.jpg"))
    settings = make_settings(tmp_path / "data", sources=f"place={root}")
    source = open_source(settings, DEFAULT_TENANT, "place")

    names = ["folder", "link.jpg", "pipe.jpg"]
    assert [file.name for file in source.files(None)][:3] == names
    for name in (*names, "folder/secret.jpg", "real"):
        with pytest.raises(FilmRejected) as caught:
            source.read(source.named(name), 100)
        assert caught.value.code in {"special_entry", "missing_entry"}
    through = open_source(settings, DEFAULT_TENANT, "place/folder/")
    with pytest.raises(SourceUnreadable):
        list(through.files(None))


def test_a_place_may_belong_to_one_tenant(tmp_path: Path) -> None:
    settings = make_settings(tmp_path / "data", sources=f"mine@a={tmp_path}/x, all={tmp_path}/y")

    open_source(settings, "a", "mine/")
    open_source(settings, "b", "all/")
    with pytest.raises(PrefixNotAllowed, match="there are: all"):
        open_source(settings, "b", "mine/")


@pytest.mark.parametrize(
    ("sources", "words"),
    [
        ("films", "must list NAME=LOCATION"),
        ("a=relative", "must be an absolute path"),
        ("a=s3://bucket", "must be an absolute path"),
        ("a=s3://own/", "the service's own bucket"),
        ("a=s3://own/default/films/", "the service's own bucket"),
        ("a=DATA", "the service's own data"),
        ("a=DATA/objects", "the service's own data"),
        ("a=DATA/..", "the service's own data"),
        ("a=/", "the service's own data"),
    ],
)
def test_the_services_own_objects_cannot_be_allowed(
    sources: str, words: str, tmp_path: Path
) -> None:
    sources = sources.replace("DATA", str(tmp_path / "data"))
    with pytest.raises(ConfigurationError, match="LUNGLINE_SOURCES") as caught:
        load_settings(data_dir=tmp_path / "data", store="s3", s3_bucket="own", sources=sources)
    assert words in str(caught.value)


FILMS = FIRST_SLICE + 4


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(backoff, "MOST_SECONDS", 0.0)


@pytest.mark.usefixtures("quick", "small_pages")
def test_a_killed_expander_goes_on_behind_the_last_file(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(FILMS):
        place.put(f"ward/{number:03}.jpg", films.jpeg(number))
    place.put("ward/bad.jpg", b"words")
    place.put("ward/list.csv", b"words")
    place.put("ward/x.zip", archives.zip_of({"a": b"b"}))
    parts, desk = make_parts(place.settings, lambda bundle: NullReader()), Desk(place.settings)
    job = desk.submit_prefix("place/ward/")
    commit, calls = parts.repository.expansions.commit_slice, []

    def dying(*arguments, **named):
        calls.append(1)
        if len(calls) == 2:
            raise SystemExit
        return commit(*arguments, **named)

    monkeypatch.setattr(parts.repository.expansions, "commit_slice", dying)
    with pytest.raises(SystemExit):
        expand_archive(parts)
    assert desk.job(job).entries_seen == FIRST_SLICE
    desk.database.clock_offset = 1_000.0
    desk.repository.repairs.expired_expansions()
    desk.database.clock_offset = 0.0
    assert expand_archive(parts)

    names = [f"{number:03}.jpg" for number in range(FILMS)]
    items = desk.items(job)
    assert [item.name for item in items] == [*names, "bad.jpg", "x.zip"]
    assert [item.error_code for item in items[FILMS:]] == ["unsupported_format", "nested_archive"]
    entries = desk.repository.entries.page(DEFAULT_TENANT, job.id, limit=100).items
    assert [entry.name for entry in entries] == [*names, "bad.jpg", "list.csv", "x.zip"]
    job = desk.job(job)
    assert (job.status, job.source) == (JobStatus.RUNNING, "prefix")
    assert (job.entries_seen, job.entries_total, job.entries_ignored) == (FILMS + 3, FILMS + 3, 1)
    assert desk.repository.repairs.check_counters() == []
    parts.close()
    desk.close()


MANIFEST = b"""name,external_id
ward/b.jpg,B
none.jpg,N
ward/a.jpg,A
ward/b.jpg,again
../secret.jpg,S
"""


@pytest.mark.usefixtures("quick")
def test_with_a_manifest_only_what_it_lists_is_read(place: Place) -> None:
    for number, name in enumerate(("ward/a.jpg", "ward/b.jpg", "ward/c.jpg")):
        place.put(name, films.jpeg(number))
    parts, desk = make_parts(place.settings, lambda bundle: NullReader()), Desk(place.settings)
    job = desk.submit_prefix("place/", MANIFEST)

    assert expand_archive(parts)

    found = [(item.name, item.external_id, item.error_code) for item in desk.items(job)]
    assert found[:3] == [
        ("ward/b.jpg", "B", None),
        ("none.jpg", "N", "missing_entry"),
        ("ward/a.jpg", "A", None),
    ]
    assert found[3][1:] in [("S", "unsafe_name"), ("S", "missing_entry")]
    assert found[4:] == [("ward/b.jpg", "again", "listed_twice")]
    assert desk.job(job).entries_seen == 5
    parts.close()
    desk.close()


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"max_archive_entries": 3}, "too_many_entries"),
        ({"max_archive_bytes": 30_000}, "archive_too_large"),
        ({"sources": ""}, "prefix_unreadable"),
    ],
)
def test_what_a_folder_may_cost_is_counted(
    changes: dict[str, object], code: str, place: Place
) -> None:
    for number in range(5):
        place.put(f"{number}.jpg", films.jpeg(number, 400, 300))
    desk = Desk(place.settings)
    parts = make_parts(place.settings.model_copy(update=changes), lambda bundle: NullReader())
    job = desk.submit_prefix("place/")

    assert expand_archive(parts)

    assert desk.job(job).error_code == code
    parts.close()
    desk.close()


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("name", ["none", "long" * 75])
def test_a_folder_that_is_not_there_fails_the_job(place: Place, name: str) -> None:
    parts, desk = make_parts(place.settings, lambda bundle: NullReader()), Desk(place.settings)
    job = desk.submit_prefix(f"place/{name}/")

    assert expand_archive(parts)

    assert desk.job(job).error_code in {"prefix_unreadable", "archive_empty"}
    parts.close()
    desk.close()
