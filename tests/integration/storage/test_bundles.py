"""Added bundles on each database: one key, one set of weights, for ever."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from lungline.errors import BundleExists, BundleInUse, BundleNotFound, StoreUnavailable
from lungline.settings import Settings
from storage import transitions
from storage.bundles import Bundles
from storage.database import Database
from storage.objects import ObjectStore, open_store
from storage.repository import Repository
from tests.factories.bundle_zips import bundle_parts, described
from tests.factories.rows import read_all, some_films, submit


@pytest.fixture
def bundles(database: Database, tmp_path: Path) -> Bundles:
    return Bundles(database, Settings(bundles_dir=tmp_path / "none", bundle="chest"))


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return open_store(Settings(store="local", store_dir=tmp_path / "objects"))


def add(bundles: Bundles, store: ObjectStore, version: str = "1", **changes: object) -> bool:
    parts = bundle_parts(version=version, **changes)
    files, raw = described(parts)
    return bundles.add(store, files, raw, "card", 9_999, lambda name: io.BytesIO(parts[name]))


def test_the_first_version_is_what_the_name_means_until_another_is_activated(
    bundles: Bundles, store: ObjectStore
) -> None:
    assert [add(bundles, store, version) for version in ("2", "10", "2")] == [True, True, False]
    assert bundles.resolve("chest").key == bundles.resolve(None).key == "chest@2"
    assert bundles.activate("chest@10", default=False).active
    assert bundles.resolve("chest").key == bundles.resolve(None).key == "chest@10"
    assert [bundle.active for bundle in bundles.served()] == [False, True]
    assert bundles.labels("chest@2") == ("normal", "pneumonia")


def test_a_bundle_is_kept_while_jobs_are_read_with_it(
    bundles: Bundles, store: ObjectStore, repo: Repository
) -> None:
    for version in ("1", "2"):
        add(bundles, store, version)
    submit(repo, some_films(2), bundle="chest@2")
    with pytest.raises(BundleInUse, match="open jobs"):
        bundles.remove(store, "chest@2")
    read_all(repo)
    bundles.remove(store, "chest@2")
    with pytest.raises(BundleNotFound):
        submit(repo, some_films(1), bundle="chest@2")
    with pytest.raises(BundleExists):
        add(bundles, store, "2", temperature=2.0)
    assert add(bundles, store, "2")
    submit(repo, some_films(1), bundle="chest@2")


def test_adding_and_removing_go_on_where_the_store_failed(
    bundles: Bundles, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise StoreUnavailable("away")

    with monkeypatch.context() as away:
        away.setattr(type(store), "put_stream", fail)
        with pytest.raises(StoreUnavailable):
            add(bundles, store)
    assert bundles.served() == []
    # Nobody was read with it, so that even another of its name may come
    assert add(bundles, store, temperature=2.0)
    assert add(bundles, store, "2")
    with monkeypatch.context() as away:
        away.setattr(type(store), "delete", fail)
        with pytest.raises(StoreUnavailable):
            bundles.remove(store, "chest@2")
    assert [bundle.key for bundle in bundles.served()] == ["chest@1"]
    with pytest.raises(BundleExists):
        add(bundles, store, "2")
    bundles.remove(store, "chest@2")
    assert add(bundles, store, "2")


def test_who_was_overtaken_while_adding_is_told(bundles: Bundles, store: ObjectStore) -> None:
    parts = bundle_parts()
    files, raw = described(parts)

    def opened(name: str) -> io.BytesIO:
        if name.endswith("classifier.keras"):
            add(bundles, store, temperature=2.0)
        return io.BytesIO(parts[name])

    with pytest.raises(BundleExists, match="meanwhile"):
        bundles.add(store, files, raw, "", 9_999, opened)
    assert bundles.resolve("chest").checksum != files.checksum


def test_one_name_is_the_default(bundles: Bundles, store: ObjectStore, database: Database) -> None:
    add(bundles, store)
    for name in ("chest", "other"):
        database.run(lambda c, n=name: transitions.activate_bundle(c, n, "1", default=True))
    # Given a default that is gone, I expect no other in its place
    assert not any(bundle.default for bundle in bundles.served())
