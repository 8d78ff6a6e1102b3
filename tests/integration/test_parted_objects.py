"""Objects that come in parts: one contract, held by both backends of the object store."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from lungline.errors import (
    ChecksumMismatch,
    ObjectNotFound,
    StoreUnavailable,
    UploadBusy,
    UploadIncomplete,
    WrongSize,
)
from lungline.settings import Settings
from storage.objects import ObjectStore, Part, Parted, open_store
from tests.fixtures.ports import NOBODY_URL

pytestmark = pytest.mark.integration

PART = 5 * 1024 * 1024
DATA = os.urandom(2 * PART + 12_345)


@pytest.fixture(scope="module", params=["local", "s3"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ObjectStore:
    if request.param == "s3":
        return open_store(request.getfixturevalue("s3_settings"))
    return open_store(Settings(store="local", store_dir=tmp_path_factory.mktemp("objects")))


@pytest.fixture
def whole(store: ObjectStore, request: pytest.FixtureRequest) -> Iterator[Parted]:
    """An object of `DATA` of which no part has arrived."""
    key = "t1/uploads/" + hashlib.sha256(request.node.name.encode()).hexdigest()
    yield Parted(key, store.parts.begin(key), len(DATA), PART)
    store.parts.abort(key)
    store.delete(key)


def piece(whole: Parted, number: int) -> bytes:
    return DATA[whole.offset(number) : whole.offset(number) + whole.size_of(number)]


def put(store: ObjectStore, whole: Parted, number: int) -> Part:
    return store.parts.put(whole, number, BytesIO(piece(whole, number)))


def put_all(store: ObjectStore, whole: Parted) -> list[Part]:
    return [put(store, whole, number) for number in range(1, whole.count + 1)]


def md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()


def test_parts_come_in_any_order_several_at_a_time(store: ObjectStore, whole: Parted) -> None:
    with ThreadPoolExecutor(3) as pool:
        parts = list(pool.map(lambda number: put(store, whole, number), (3, 1, 2)))

    arrived = store.parts.arrived(whole)
    assert arrived == sorted(parts, key=lambda part: part.number)
    assert [part.etag for part in arrived] == [md5(piece(whole, n)).hex() for n in (1, 2, 3)]
    assert not store.exists(whole.key)  # nothing is seen of it before it is complete
    store.parts.complete(whole, arrived)
    assert store.get(whole.key) == DATA


def test_an_object_of_one_small_part(store: ObjectStore, whole: Parted) -> None:
    small = Parted(whole.key, whole.token, 1, PART)
    part = store.parts.put(small, 1, BytesIO(b"x"))
    store.parts.complete(small, [part])
    assert store.get(small.key) == b"x"


def test_a_part_sent_again_takes_the_place_of_the_first(store: ObjectStore, whole: Parted) -> None:
    store.parts.put(whole, 2, BytesIO(bytes(PART)))
    parts = put_all(store, whole)
    store.parts.complete(whole, parts)
    assert store.get(whole.key) == DATA


def test_just_the_bytes_of_the_part_are_read(store: ObjectStore, whole: Parted) -> None:
    stream = BytesIO(DATA)
    parts = [store.parts.put(whole, number, stream) for number in range(1, whole.count + 1)]
    store.parts.complete(whole, parts)
    assert store.get(whole.key) == DATA


def test_what_has_not_arrived_is_missing(store: ObjectStore, whole: Parted) -> None:
    assert store.parts.arrived(whole) == []
    part = put(store, whole, 2)
    assert store.parts.arrived(whole) == [part]
    assert whole.missing([part]) == [1, 3]
    with pytest.raises(UploadIncomplete):
        store.parts.complete(whole, [part])
    assert store.parts.arrived(whole) == [part]


def test_what_was_begun_is_listed_until_it_is_complete_or_dropped(
    store: ObjectStore, whole: Parted
) -> None:
    def begun() -> set[str]:
        return {one.token for one in store.parts.unfinished() if one.key == whole.key}

    second = store.parts.begin(whole.key)
    (at, _) = [one.begun_at for one in store.parts.unfinished() if one.key == whole.key]
    assert abs(at - time.time()) < 60
    assert begun() == {whole.token, second}
    store.parts.abort(whole.key, second)
    assert begun() == {whole.token}
    store.parts.complete(whole, put_all(store, whole))
    assert begun() == set()
    store.parts.abort(whole.key, whole.token)
    assert store.get(whole.key) == DATA


def test_a_part_that_ends_too_early_has_not_arrived(store: ObjectStore, whole: Parted) -> None:
    with pytest.raises(WrongSize, match="Part 1"):
        store.parts.put(whole, 1, BytesIO(piece(whole, 1)[:-1]))
    assert store.parts.arrived(whole) == []


def test_a_part_that_changed_on_its_way_has_not_arrived(store: ObjectStore, whole: Parted) -> None:
    wrong, right = md5(b"other"), md5(piece(whole, 1))
    with pytest.raises(ChecksumMismatch, match="Part 1"):
        store.parts.put(whole, 1, BytesIO(piece(whole, 1)), wrong)
    assert store.parts.arrived(whole) == []
    assert store.parts.put(whole, 1, BytesIO(piece(whole, 1)), right).etag == right.hex()


def test_parts_that_are_not_those_that_arrived(store: ObjectStore, whole: Parted) -> None:
    first, *others = put_all(store, whole)
    other = Part(1, first.size, md5(b"other").hex())
    with pytest.raises(UploadIncomplete):
        store.parts.complete(whole, [other, *others])
    assert not store.exists(whole.key)
    store.parts.complete(whole, [first, *others])
    assert store.get(whole.key) == DATA


def test_there_is_no_such_part(store: ObjectStore, whole: Parted) -> None:
    for number in (0, -1, 4):
        with pytest.raises(ValueError, match="numbered"):
            store.parts.put(whole, number, BytesIO(b"x"))


def test_what_is_aborted_is_gone_and_takes_no_parts(store: ObjectStore, whole: Parted) -> None:
    put(store, whole, 1)
    store.parts.abort(whole.key)
    store.parts.abort(whole.key)
    with pytest.raises(ObjectNotFound):
        put(store, whole, 2)
    with pytest.raises(ObjectNotFound):
        store.parts.complete(whole, [Part(n, whole.size_of(n), "") for n in (1, 2, 3)])
    assert not store.exists(whole.key)


def test_aborting_drops_the_parts_of_every_beginning(store: ObjectStore, whole: Parted) -> None:
    again = Parted(whole.key, store.parts.begin(whole.key), whole.size, whole.part_size)
    other = store.parts.begin(whole.key + "2")
    store.parts.abort(whole.key)
    for gone in (whole, again):
        with pytest.raises(ObjectNotFound):
            put(store, gone, 1)
    kept = Parted(whole.key + "2", other, len(DATA), PART)
    assert put(store, kept, 1).number == 1
    store.parts.abort(kept.key)


def test_aborting_leaves_a_complete_object(store: ObjectStore, whole: Parted) -> None:
    store.parts.complete(whole, put_all(store, whole))
    store.parts.abort(whole.key)
    assert store.get(whole.key) == DATA
    with pytest.raises(ObjectNotFound):
        put(store, whole, 1)


def test_parts_are_no_objects(store: ObjectStore, whole: Parted) -> None:
    put(store, whole, 1)
    assert list(store.keys("")) == [] or whole.key not in set(store.keys(""))
    assert not [key for key in store.keys("") if "parts" in key]


def test_a_client_that_hangs_up_leaves_no_part(store: ObjectStore, whole: Parted) -> None:
    class Breaking(BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() >= PART // 2:
                raise ConnectionResetError("the client hung up")
            return super().read(size)

    with pytest.raises(ConnectionResetError):
        store.parts.put(whole, 1, Breaking(DATA))
    assert store.parts.arrived(whole) == []
    put(store, whole, 1)


def test_two_that_complete_at_once_make_one_object(store: ObjectStore, whole: Parted) -> None:
    parts = put_all(store, whole)

    def complete(_: int) -> None:
        with suppress(UploadBusy, ObjectNotFound):
            store.parts.complete(whole, parts)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(complete, range(4)))
    assert store.get(whole.key) == DATA


class Held(BytesIO):
    """A part of which the second half comes when it is let go."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.begun, self.go = threading.Event(), threading.Event()

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() >= len(self.getvalue()) // 2:
            self.begun.set()
            self.go.wait(60)
        return super().read(size)


def test_a_part_is_written_by_one_at_a_time_in_a_folder(tmp_path: Path) -> None:
    """Two that wrote one part together could leave a mixture; S3 sees to that itself."""
    store = open_store(Settings(store="local", store_dir=tmp_path))
    whole = Parted("t1/uploads/a", store.parts.begin("t1/uploads/a"), len(DATA), PART)
    parts = put_all(store, whole)
    slow = Held(piece(whole, 1))
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(store.parts.put, whole, 1, slow)
        assert slow.begun.wait(60)
        # While one is writing, neither another one may, nor can the object be completed
        with pytest.raises(UploadBusy):
            put(store, whole, 1)
        with pytest.raises(UploadBusy):
            store.parts.complete(whole, parts)
        assert [part.number for part in store.parts.arrived(whole)] == [2, 3]
        put(store, whole, 2)
        slow.go.set()
        assert first.result() == parts[0]
    store.parts.complete(whole, parts)
    assert store.get(whole.key) == DATA


def test_a_folder_has_no_links(tmp_path: Path) -> None:
    store = open_store(Settings(store="local", store_dir=tmp_path))
    whole = Parted("t1/uploads/a", store.parts.begin("t1/uploads/a"), len(DATA), PART)
    assert store.parts.link(whole, 1, 60) is None


@pytest.fixture(scope="module")
def s3(s3_settings: Settings) -> ObjectStore:
    return open_store(s3_settings)


@pytest.fixture
def on_s3(s3: ObjectStore, request: pytest.FixtureRequest) -> Parted:
    key = "t1/uploads/" + hashlib.sha256(request.node.name.encode()).hexdigest()
    return Parted(key, s3.parts.begin(key), len(DATA), PART)


def link(s3: ObjectStore, whole: Parted, number: int, seconds: int = 60) -> str:
    url = s3.parts.link(whole, number, seconds)
    assert url is not None
    return url


def test_s3_takes_parts_by_signed_links(s3: ObjectStore, on_s3: Parted) -> None:
    for number in (2, 3, 1):
        data = piece(on_s3, number)
        headers = {"Content-MD5": b64encode(md5(data)).decode()}
        answer = httpx.put(link(s3, on_s3, number), content=data, headers=headers)
        assert answer.status_code == 200
        assert answer.headers["ETag"] == f'"{md5(data).hex()}"'
    s3.parts.complete(on_s3, s3.parts.arrived(on_s3))
    assert s3.get(on_s3.key) == DATA


def test_s3_refuses_what_a_link_is_not_for(s3: ObjectStore, on_s3: Parted) -> None:
    url = link(s3, on_s3, 1)
    assert httpx.put(url.replace("partNumber=1", "partNumber=2"), content=b"x").status_code == 403
    assert httpx.put(url, content=b"x" * (PART + 1)).status_code == 403  # the length is signed
    wrong = {"Content-MD5": b64encode(md5(b"other")).decode()}
    assert httpx.put(url, content=piece(on_s3, 1), headers=wrong).status_code == 400
    short = link(s3, on_s3, 1, seconds=1)
    deadline = time.monotonic() + 60
    while httpx.put(short, content=piece(on_s3, 1)).status_code != 403:
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_links_name_the_public_endpoint(s3_settings: Settings) -> None:
    public = {"s3_public_endpoint_url": "https://films.example"}
    store = open_store(s3_settings.model_copy(update=public))
    whole = Parted("t1/uploads/a", "token", len(DATA), PART)
    assert link(store, whole, 1).startswith("https://films.example/")


def test_no_links_where_clients_cannot_reach_s3(s3_settings: Settings) -> None:
    store = open_store(s3_settings.model_copy(update={"upload_parts": "api"}))
    assert store.parts.link(Parted("t1/uploads/a", "token", len(DATA), PART), 1, 60) is None


@pytest.mark.timeout(120)  # retries without end would hang here
@pytest.mark.parametrize("kind", ["local", "s3"])
def test_a_store_that_is_down_says_so(kind: str, tmp_path: Path) -> None:
    if kind == "local":
        (tmp_path / "file").write_bytes(b"")
        settings = Settings(store="local", store_dir=tmp_path / "file")
    else:
        keys = {"s3_access_key": SecretStr("key"), "s3_secret_key": SecretStr("secret")}
        settings = Settings(store="s3", s3_endpoint_url=NOBODY_URL, **keys)
    with pytest.raises(StoreUnavailable):
        open_store(settings).parts.begin("t1/uploads/a")
