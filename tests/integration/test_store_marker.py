"""A store that is away for a moment is not an empty one, in both backends."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from io import BytesIO
from pathlib import Path

import pytest

from lungline.errors import ObjectNotFound, StoreUnavailable
from lungline.settings import Settings
from storage.objects import ObjectStore, open_store
from storage.objects.marker import NAME
from tests.fixtures.seaweedfs import SeaweedServer

pytestmark = pytest.mark.integration

KEY, ABSENT = "t1/films/" + "ab" * 32, "t1/films/" + "cd" * 32


class LocalVolume:
    """A folder whose volume can be taken away, which leaves the folder that it was mounted on."""

    def __init__(self, folder: Path) -> None:
        self._place, self._away = folder / "objects", folder / "away"
        self._place.mkdir()
        self.settings = Settings(store="local", store_dir=self._place)

    def take_away(self) -> None:
        self._place.rename(self._away)
        self._place.mkdir()

    def put_back(self) -> None:
        self._place.rmdir()  # which fails where anything was stored meanwhile
        self._away.rename(self._place)

    def unmark(self) -> None:
        (self._place / NAME).unlink()


class Bucket:
    """A bucket in whose place a gateway may show an empty one."""

    def __init__(self, server: SeaweedServer) -> None:
        self._server, self._bucket = server, server.make_bucket()
        self._empty = server.make_bucket()
        self.settings = server.settings(self._bucket)

    def take_away(self) -> None:
        self.settings = self._server.settings(self._empty)

    def put_back(self) -> None:
        empty = open_store(self.settings)
        assert list(empty.keys("")) == []
        self.settings = self._server.settings(self._bucket)

    def unmark(self) -> None:
        client = open_store(self.settings)._client.get()  # type: ignore[attr-defined]
        client.delete_object(Bucket=self._bucket, Key=NAME)


Volume = LocalVolume | Bucket


@pytest.fixture(params=["local", "s3"])
def volume(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Volume]:
    if request.param == "local":
        yield LocalVolume(tmp_path)
    else:
        yield Bucket(request.getfixturevalue("seaweedfs"))


def knows(*keys: str) -> Callable[[], Collection[str]]:
    """A database that knows these objects."""
    return lambda: keys


def calls(store: ObjectStore) -> list[Callable[[], object]]:
    return [
        store.check,
        lambda: store.get(KEY),
        lambda: store.get_range(KEY, 0, 1),
        lambda: store.size(KEY),
        lambda: store.exists(KEY),
        lambda: store.put(KEY, b"again"),
        lambda: store.put_many({ABSENT: b"x"}),
        lambda: store.put_stream(ABSENT, BytesIO(b"x"), 10),
        lambda: store.parts.begin(ABSENT),
        lambda: list(store.keys("")),
        lambda: list(store.listing("t1/")),
    ]


def test_a_store_without_its_volume_is_unavailable_and_takes_nothing(volume: Volume) -> None:
    open_store(volume.settings).put(KEY, b"film")
    volume.take_away()

    store = open_store(volume.settings, knows(KEY))
    for call in calls(store):
        with pytest.raises(StoreUnavailable, match="mounted"):
            call()

    volume.put_back()
    store = open_store(volume.settings, knows(KEY))
    assert store.get(KEY) == b"film"
    assert list(store.keys("")) == [KEY]
    with pytest.raises(ObjectNotFound):
        store.get(ABSENT)


def test_a_new_store_is_marked_by_its_first_object(volume: Volume) -> None:
    store = open_store(volume.settings, knows())
    assert not store.exists(ABSENT)
    store.put(KEY, b"film")

    # The object that is known is lost, and nothing else: its store is there.
    store.delete(KEY)
    store = open_store(volume.settings, knows(KEY))
    assert not store.exists(KEY)
    store.check()


def test_a_store_of_an_earlier_version_is_known_by_its_objects(volume: Volume) -> None:
    open_store(volume.settings).put(KEY, b"film")
    volume.unmark()

    store = open_store(volume.settings, knows(ABSENT, KEY))
    assert not store.exists(ABSENT)
    assert store.get(KEY) == b"film"
    store.put(ABSENT, b"another")

    # From now on it has its marker.
    store.delete(KEY)
    assert not open_store(volume.settings, knows(KEY)).exists(KEY)


def test_the_marker_is_no_object(volume: Volume) -> None:
    store = open_store(volume.settings)
    store.put(KEY, b"film")

    assert [listed.key for listed in store.listing("")] == [KEY]
    with pytest.raises(ValueError, match="object key"):
        store.get(NAME)
