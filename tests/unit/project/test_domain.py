"""Ids sort by birth; statuses know which of them are last; bundles are found by name."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest

from lungline.bundles import find_bundle
from lungline.domain import ItemStatus, JobStatus, new_id
from lungline.errors import BundleNotFound


def test_an_id_is_a_version_7_uuid() -> None:
    value = uuid.UUID(new_id())
    assert value.version == 7
    assert value.variant == uuid.RFC_4122


def test_ids_of_later_milliseconds_sort_later(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = []
    for milliseconds in range(1_790_000_000_000, 1_790_000_000_050):
        monkeypatch.setattr("time.time_ns", lambda now=milliseconds: now * 1_000_000)
        ids.append(new_id())
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)


def test_terminal_statuses() -> None:
    assert [status for status in ItemStatus if not status.terminal] == ["queued", "running"]
    assert [status for status in JobStatus if not status.terminal] == [
        "receiving",
        "expanding",
        "running",
        "cancelling",
    ]


def _bundle(root: Path, name: str, version: str) -> None:
    folder = root / name / version
    folder.mkdir(parents=True)
    manifest = {"name": name, "version": version, "labels": [{"name": "normal"}]}
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def test_a_bundle_is_found_by_name_or_by_name_and_version(tmp_path: Path) -> None:
    for version in ("0.9.0", "0.10.0", "0.10.0rc1"):
        _bundle(tmp_path, "chest", version)
    assert find_bundle(tmp_path, "chest").key == "chest@0.10.0"
    assert find_bundle(tmp_path, "chest@0.9.0").version == "0.9.0"
    with pytest.raises(BundleNotFound, match=r"chest@0\.9\.0"):
        find_bundle(tmp_path, "chest@7")
