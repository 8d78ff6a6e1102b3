"""One contract, held by both backends of the object store."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from lungline.errors import ObjectNotFound, StoreUnavailable, TooLarge
from lungline.settings import Settings
from storage.objects import ObjectStore, open_store
from storage.objects.multipart import part_size
from tests.factories.s3_answers import CUT_OFF, FLIPPED, S3Answer, answer_with
from tests.fixtures.ports import NOBODY_URL

pytestmark = pytest.mark.integration

MIB = 1024 * 1024
KEY = "t1/films/" + "ab" * 32


@pytest.fixture(scope="module", params=["local", "s3"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ObjectStore:
    if request.param == "s3":
        return open_store(request.getfixturevalue("s3_settings"))
    return open_store(Settings(store="local", store_dir=tmp_path_factory.mktemp("objects")))


@pytest.fixture
def key(request: pytest.FixtureRequest) -> str:
    """A key that no other test uses."""
    return "t1/films/" + hashlib.sha256(request.node.name.encode()).hexdigest()


class Trickle(BytesIO):
    """A stream that gives few bytes at a time, as a socket does."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(70_001, size or 0))


class Breaking(BytesIO):
    """A stream that fails when half read, as when a client hangs up."""

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() >= len(self.getvalue()) // 2:
            raise ConnectionResetError("the client hung up")
        return super().read(size)


def test_what_is_put_is_got(store: ObjectStore, key: str) -> None:
    for data in (b"", b"x", os.urandom(60_000)):
        store.put(key, data)
        assert store.get(key) == data
        assert store.size(key) == len(data)
        assert store.exists(key)


def test_what_is_not_there(store: ObjectStore, key: str) -> None:
    assert not store.exists(key)
    for read in (store.get, store.size, lambda k: store.get_range(k, 0, 5)):
        with pytest.raises(ObjectNotFound):
            read(key)


def test_deleting_twice_is_no_error(store: ObjectStore, key: str) -> None:
    store.put(key, b"x")
    store.delete(key)
    store.delete(key)
    assert not store.exists(key)
    store.put(key, b"y")
    assert store.get(key) == b"y"


def test_a_key_of_four_segments_can_be_put_again_after_deletion(
    store: ObjectStore, key: str
) -> None:
    mask = key.replace("films", "masks") + "/bundle@1.0.0.png"
    for _ in range(2):
        store.put(mask, b"mask")
        assert list(store.keys(mask)) == [mask]
        store.delete(mask)
    assert list(store.keys(mask)) == []


@pytest.mark.parametrize(
    ("start", "length", "expected"),
    [(0, 4, b"0123"), (3, 4, b"3456"), (8, 99, b"89"), (10, 1, b""), (99, 5, b""), (4, 0, b"")],
)
def test_ranges(store: ObjectStore, key: str, start: int, length: int, expected: bytes) -> None:
    store.put(key, b"0123456789")
    assert store.get_range(key, start, length) == expected


def test_ranges_of_an_empty_object(store: ObjectStore, key: str) -> None:
    store.put(key, b"")
    assert store.get_range(key, 0, 10) == b""


def test_many_at_once(store: ObjectStore) -> None:
    objects = {f"t1/many/{n:03}": os.urandom(1000 + n) for n in range(70)}
    store.put_many(objects)
    assert {key: store.get(key) for key in store.keys("t1/many/")} == objects
    store.put_many({})


@pytest.mark.parametrize("size", [0, 1, MIB, 8 * MIB, 8 * MIB + 1, 20 * MIB])
def test_streams(store: ObjectStore, key: str, size: int) -> None:
    data = os.urandom(size)
    stored = store.put_stream(key, Trickle(data), limit=size)
    assert (stored.size, stored.sha256) == (size, hashlib.sha256(data).hexdigest())
    assert store.size(key) == size
    assert store.get(key) == data


@pytest.mark.parametrize("limit", [0, 1000, 17 * MIB])
def test_a_stream_over_the_limit_leaves_nothing(store: ObjectStore, key: str, limit: int) -> None:
    with pytest.raises(TooLarge, match=f"{limit:,}"):
        store.put_stream(key, BytesIO(bytes(limit + 1)), limit)
    assert not store.exists(key)
    assert unfinished(store) == 0


@pytest.mark.parametrize("size", [2 * MIB, 34 * MIB])
def test_a_stream_that_breaks_leaves_nothing(store: ObjectStore, key: str, size: int) -> None:
    with pytest.raises(ConnectionResetError):
        store.put_stream(key, Breaking(bytes(size)), size)
    assert not store.exists(key)
    assert unfinished(store) == 0


def test_a_stream_over_the_limit_keeps_the_earlier_object(store: ObjectStore, key: str) -> None:
    store.put(key, b"earlier")
    with pytest.raises(TooLarge):
        store.put_stream(key, BytesIO(b"x" * 100), 99)
    assert store.get(key) == b"earlier"


def test_keys_by_prefix(store: ObjectStore) -> None:
    wanted = {f"t2/films/{n:02}" for n in range(5)} | {"t2/masks/01/a.png", "t2/masks/01/b.png"}
    store.put_many(dict.fromkeys(wanted, b"x"))
    assert set(store.keys("t2/")) == wanted
    assert set(store.keys("t2/films/")) == {f"t2/films/{n:02}" for n in range(5)}
    assert set(store.keys("t2/films/0")) == {f"t2/films/{n:02}" for n in range(5)}
    assert set(store.keys("t2/masks/01/")) == {"t2/masks/01/a.png", "t2/masks/01/b.png"}
    assert set(store.keys("t2/m")) == {"t2/masks/01/a.png", "t2/masks/01/b.png"}
    assert list(store.keys("t2/films/9")) == []
    assert list(store.keys("nobody/")) == []
    assert wanted <= set(store.keys(""))


def test_keys_come_by_pages(store: ObjectStore) -> None:
    wanted = {f"t3/films/{n:04}" for n in range(1100)}
    store.put_many(dict.fromkeys(wanted, b""))
    assert set(store.keys("t3/")) == wanted


def test_a_listing_tells_size_and_time(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    # A million objects must not take botocore's four minutes of reading their times.
    monkeypatch.delattr("storage.objects.client.parse_timestamp")
    before = time.time()
    store.put_many({"t5/films/a": b"123", "t5/films/b": b""})

    listed = sorted(store.listing("t5/"), key=lambda each: each.key)

    assert [(each.key, each.size) for each in listed] == [("t5/films/a", 3), ("t5/films/b", 0)]
    # S3 tells whole seconds.
    assert all(before - 2 < each.modified_at < time.time() + 2 for each in listed)
    assert list(store.listing("nobody/")) == []


@pytest.mark.parametrize(
    "bad", ["", "a", "a/b", "/a/b/c", "a/b/", "a/../b", "a/b/.hidden", "a//b/c", "a/b/c\n", "ä/b/c"]
)
def test_what_is_no_key(store: ObjectStore, bad: str) -> None:
    calls: list[Callable[[], object]] = [
        lambda: store.put(bad, b""),
        lambda: store.put_many({bad: b""}),
        lambda: store.put_stream(bad, BytesIO(), 1),
        lambda: store.get(bad),
        lambda: store.get_range(bad, 0, 1),
        lambda: store.size(bad),
        lambda: store.exists(bad),
        lambda: store.delete(bad),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="object key"):
            call()


def test_readers_see_all_of_an_object_or_none(store: ObjectStore, key: str) -> None:
    store.put(key, b"\x00" * 200_000)
    seen: set[bytes] = set()
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            data = store.get(key)
            assert len(data) == 200_000
            seen.update({data[:1], data[-1:]} if data[:1] == data[-1:] else {b"torn"})

    reader = threading.Thread(target=read)
    reader.start()
    for n in range(1, 30):
        store.put(key, bytes([n]) * 200_000)
    stop.set()
    reader.join()
    assert b"torn" not in seen
    assert seen


def test_many_threads_share_a_store(store: ObjectStore) -> None:
    errors: list[Exception] = []

    def work(n: int) -> None:
        try:
            for k in range(5):
                key = f"t4/films/{n:02}{k:02}"
                store.put(key, key.encode())
                assert store.get(key) == key.encode()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(list(store.keys("t4/"))) == 80


def test_a_forked_child_has_connections_of_its_own(store: ObjectStore, key: str) -> None:
    store.put(key, b"from the parent")
    child = os.fork()
    if child == 0:
        try:
            good = store.get(key) == b"from the parent"
            store.put(key, b"from the child")
            os._exit(0 if good else 1)
        except BaseException:
            os._exit(2)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert store.get(key) == b"from the child"


def test_a_store_that_works_passes_its_check(store: ObjectStore) -> None:
    store.check()


def down(kind: str, folder: Path) -> ObjectStore:
    """A store that fails: a file where the folder should be, a port that nobody listens on."""
    if kind == "local":
        (folder / "file").write_bytes(b"")
        return open_store(Settings(store="local", store_dir=folder / "file"))
    return open_store(
        Settings(
            store="s3",
            s3_endpoint_url=NOBODY_URL,
            s3_access_key=SecretStr("key"),
            s3_secret_key=SecretStr("secret"),
        )
    )


@pytest.mark.timeout(120)  # retries without end would hang here
@pytest.mark.parametrize("kind", ["local", "s3"])
def test_a_store_that_is_down_says_so(kind: str, tmp_path: Path) -> None:
    store = down(kind, tmp_path)
    calls: list[Callable[[], object]] = [
        store.check,
        lambda: store.put(KEY, b"x"),
        lambda: store.put_many({KEY: b"x", KEY + "2": b"x"}),
        lambda: store.put_stream(KEY, BytesIO(b"x"), 10),
        lambda: store.put_stream(KEY, BytesIO(bytes(9 * MIB)), 10 * MIB),
    ]
    if kind == "s3":
        calls += [
            lambda: store.get(KEY),
            lambda: store.get_range(KEY, 0, 1),
            lambda: store.size(KEY),
            lambda: store.exists(KEY),
            lambda: store.delete(KEY),
            lambda: list(store.keys("t1/")),
        ]
    for call in calls:
        with pytest.raises(StoreUnavailable):
            call()


def test_wrong_keys_and_a_missing_bucket_are_unavailable(s3_settings: Settings) -> None:
    wrong = open_store(s3_settings.model_copy(update={"s3_secret_key": SecretStr("wrong")}))
    with pytest.raises(StoreUnavailable, match="SignatureDoesNotMatch"):
        wrong.put(KEY, b"x")
    with pytest.raises(StoreUnavailable):
        wrong.get(KEY)
    elsewhere = open_store(s3_settings.model_copy(update={"s3_endpoint_url": "no url"}))
    with pytest.raises(StoreUnavailable):
        elsewhere.check()


@pytest.mark.parametrize("answer", [FLIPPED, CUT_OFF], ids=["flipped", "cut off"])
def test_what_comes_damaged_from_s3_is_read_again(
    s3_settings: Settings, answer: S3Answer, key: str
) -> None:
    store = open_store(s3_settings)
    store.put(key, b"film")

    answer_with(store, answer, lambda path: path.endswith(key), times=1)
    assert store.get(key) == b"film"

    answer_with(store, answer, lambda path: path.endswith(key))
    for read in (store.get, lambda k: store.get_range(k, 0, 4)):
        with pytest.raises(StoreUnavailable, match=r"FlexibleChecksumError|IncompleteReadError"):
            read(key)


def test_parts_are_large_enough_for_any_limit() -> None:
    assert part_size(1) == 8 * MIB
    assert -(-(256 * 1024 * MIB) // part_size(256 * 1024 * MIB)) <= 10_000


def unfinished(store: ObjectStore) -> int:
    """Count what an upload left behind: temporary files, or parts without a whole."""
    from storage.objects.local import LocalStore
    from storage.objects.s3 import S3Store

    if isinstance(store, LocalStore):
        return len(list(store._incoming.iterdir()))
    assert isinstance(store, S3Store)
    answer = store._client.get().list_multipart_uploads(Bucket=store._bucket)
    return len(answer.get("Uploads", ()))


def test_what_a_stream_that_died_left_behind_is_discarded(store: ObjectStore, key: str) -> None:
    class Killed(BaseException):
        pass

    class Dying(BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() >= 9 * MIB:
                raise Killed
            return super().read(size)

    kept = key + "0"
    store.parts.begin(key)
    store.put(kept, b"kept")
    with pytest.raises(Killed):
        store.put_stream(key, Dying(bytes(20 * MIB)), 20 * MIB)
    store.put(key, b"whole")

    store.discard(key)
    store.discard(key)

    assert not store.exists(key)
    assert store.get(kept) == b"kept"


def test_a_link_leads_to_the_object_itself(store: ObjectStore, key: str) -> None:
    store.put(key, b"content")

    link = store.link(key, 60, "findings.csv", "text/csv")

    if link is not None:  # a folder has no address
        answer = httpx.get(link, trust_env=False)
        assert (answer.status_code, answer.content) == (200, b"content")
        assert answer.headers["Content-Type"] == "text/csv"
        assert "findings.csv" in answer.headers["Content-Disposition"]
        assert httpx.get(link.replace("=60", "=61"), trust_env=False).status_code == 403
