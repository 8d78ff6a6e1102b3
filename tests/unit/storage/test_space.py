"""Room on the disks that the service fills itself."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest

from lungline.errors import StorageFull
from lungline.settings import Settings
from storage import space as module
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


@pytest.mark.parametrize(("free", "room"), [(101, True), (99, False)])
def test_of_a_small_disk_for_the_spool_a_tenth_stays_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, room: bool
) -> None:
    spool, elsewhere = tmp_path / "spool", shutil.disk_usage(tmp_path)
    least = elsewhere.free // 2
    disks = {spool: elsewhere._replace(total=1_000, free=free)}
    monkeypatch.setattr(shutil, "disk_usage", lambda path: disks.get(path, elsewhere))
    spool.mkdir()
    space = Space(Settings(data_dir=tmp_path / "data", spool_dir=spool, min_free_bytes=least))

    space.check_disks()
    if room:
        space.check_disks(spooled=True)
    else:
        with pytest.raises(StorageFull, match="spool is nearly full: less than 100 bytes"):
            space.check_disks(spooled=True)


def test_a_stream_that_is_written_ends_where_there_is_no_more_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_BYTES", 10)
    space = Space(Settings(data_dir=tmp_path, min_free_bytes=1))
    disk = shutil.disk_usage(tmp_path)
    stream = space.watch(io.BytesIO(bytes(range(100))))

    assert stream.read(50) == bytes(range(50))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: disk._replace(free=0))
    assert stream.read(9) == bytes(range(50, 59))
    with pytest.raises(StorageFull):
        stream.read(1)
