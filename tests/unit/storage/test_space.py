"""Room on the disks that the service fills itself."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lungline.errors import StorageFull
from lungline.settings import Settings
from storage.space import Space

EVERYTHING = 1 << 60


def test_the_body_that_comes_counts(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    space = Space(Settings(data_dir=tmp_path / "not-there-yet", min_free_bytes=free // 2))

    space.check()
    with pytest.raises(StorageFull, match="object store"):
        space.check(free)


def test_only_disks_that_are_ours_are_looked_at(tmp_path: Path) -> None:
    known = {"data_dir": tmp_path, "min_free_bytes": EVERYTHING}
    Space(Settings(**known, store="s3", database_url="postgresql://db/lungline")).check()
    with pytest.raises(StorageFull, match="database"):
        Space(Settings(**known, store="s3")).check()


def test_zero_asks_for_no_room(tmp_path: Path) -> None:
    Space(Settings(data_dir=tmp_path, min_free_bytes=0)).check(EVERYTHING)
