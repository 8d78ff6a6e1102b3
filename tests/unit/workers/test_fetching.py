"""A worker meets a bundle that was added while it ran."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from lungline.domain import ItemStatus, JobStatus
from lungline.errors import StoreUnavailable
from storage.bundles import Bundles, object_key
from tests.factories import films
from tests.factories.bundle_zips import bundle_parts, described
from tests.factories.work import Desk
from tests.unit.workers.doubles import NullReader
from workers import analyzers as loaders
from workers import backoff
from workers.analyze import read_batch
from workers.analyzers import Analyzers, bundle_loader, fetched_folder
from workers.fetching import fetch_bundle
from workers.parts import Parts

KEY = "chest@1"


@pytest.fixture(autouse=True)
def _no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(backoff, "MOST_SECONDS", 0.0)


@pytest.fixture
def worker(make: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[Parts, Desk, list[Path]]:
    """A worker that finds bundles as always, and loads none; and what it loaded."""
    loaded: list[Path] = []

    def load(path: Path, settings: Any) -> NullReader:
        loaded.append(path)
        return NullReader()

    monkeypatch.setattr(loaders, "_load_analyzer", load)
    late: dict[str, Any] = {}
    parts, desk = make(load=lambda bundle: late["load"](bundle))
    late["load"] = bundle_loader(parts.settings)
    return parts, desk, loaded


def add(desk: Desk, parts: dict[str, bytes]) -> None:
    files, raw = described(parts)
    bundles = Bundles(desk.database, desk.settings)
    assert bundles.add(desk.store, files, raw, "", 10_000, lambda name: io.BytesIO(parts[name]))


def drain(parts: Parts) -> None:
    for _ in range(3):
        read_batch(parts)
    parts.writer.wait()


def test_a_bundle_that_is_not_here_is_fetched_and_no_film_counts_an_attempt(worker: Any) -> None:
    parts, desk, loaded = worker
    files = bundle_parts()
    add(desk, files)
    job = desk.submit([films.jpeg(1), films.jpeg(2)], KEY)

    read_batch(parts)

    assert loaded == []
    waiting = desk.items(job)
    assert {(item.status, item.attempt) for item in waiting} == {(ItemStatus.QUEUED, 0)}
    folder = fetched_folder(parts.settings) / KEY
    assert {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.*")} == files
    drain(parts)
    assert desk.job(job).status is JobStatus.SUCCEEDED
    assert loaded == [folder]
    assert {(item.attempt, item.prediction.bundle) for item in desk.items(job)} == {(1, KEY)}


def test_a_store_that_is_away_costs_no_film_an_attempt(
    worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts, desk, loaded = worker
    add(desk, bundle_parts())
    job = desk.submit([films.jpeg(1)], KEY)
    with monkeypatch.context() as away:
        away.setattr(type(parts.store), "get_range", _unavailable)
        drain(parts)
    assert [(item.status, item.attempt) for item in desk.items(job)] == [(ItemStatus.QUEUED, 0)]
    assert loaded == []
    drain(parts)
    assert desk.job(job).status is JobStatus.SUCCEEDED


def _unavailable(*arguments: Any) -> bytes:
    raise StoreUnavailable("The store is away.")


@pytest.mark.parametrize("other", [b"other bytes", None])
def test_a_bundle_that_the_store_altered_or_lost_is_not_loaded(
    worker: Any, other: bytes | None
) -> None:
    parts, desk, loaded = worker
    files, _ = described(bundle_parts())
    add(desk, bundle_parts())
    key = object_key(files.checksum, files.files["classifier.keras"])
    desk.store.delete(key)
    if other is not None:
        desk.store.put(key, other)
    job = desk.submit([films.jpeg(1)], KEY)

    drain(parts)

    assert [item.error_code for item in desk.items(job)] == ["bundle_unusable"]
    assert loaded == []
    assert not (fetched_folder(parts.settings) / KEY).exists()


def test_a_folder_of_another_time_is_fetched_anew(worker: Any) -> None:
    parts, desk, _ = worker
    stale = fetched_folder(parts.settings) / KEY
    gone = fetched_folder(parts.settings) / "gone@1"
    for folder in (stale, gone):
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text("{}")
    files = bundle_parts()
    add(desk, files)
    assert fetch_bundle(parts, KEY) == stale
    assert (stale / "manifest.json").read_bytes() == files["manifest.json"]
    assert not gone.exists()


def test_no_more_bundles_are_loaded_than_may_be() -> None:
    alive: list[str] = []

    class Counted:
        runtime_name = "null"

        def __init__(self, bundle: str) -> None:
            self.bundle = bundle
            alive.append(bundle)
            assert len(alive) <= 1

        def __del__(self) -> None:
            alive.remove(self.bundle)

    readers = Analyzers(Counted, 1)  # type: ignore[arg-type]
    for key in ("a@1", "b@1", "a@1"):
        readers.get(key)
    assert alive == ["a@1"]
