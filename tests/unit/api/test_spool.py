"""Parts of a form in one file."""

from __future__ import annotations

import errno
import hashlib
from pathlib import Path

import pytest

from api.intake import spool as module
from api.intake.spool import SliceWriter, Spool
from lungline.errors import PartUnavailable


def test_slices_come_back_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IN_MEMORY", 10)
    parts = [b"first", b"", b"a longer third part " * 10]
    with Spool(tmp_path) as spool:
        slices = []
        for data in parts:
            writer = SliceWriter(spool)
            for byte in data:
                writer.write(bytes([byte]), None)
            slices.append(writer.done())
        assert [spool.read(part) for part in reversed(slices)] == parts[::-1]
        assert spool.open(slices[2]).read() == parts[2]
        assert [part.sha256 for part in slices] == [hashlib.sha256(p).hexdigest() for p in parts]
    assert list(tmp_path.iterdir()) == []


def test_a_part_above_its_limit_keeps_nothing(tmp_path: Path) -> None:
    with Spool(tmp_path) as spool:
        first, second = SliceWriter(spool), None
        first.write(b"1234", 8)
        first.write(b"56789", 8)
        first.write(b"abc", 8)
        cut = first.done()
        second = SliceWriter(spool)
        second.write(b"small", 8)
        assert (cut.size, first.received) == (0, 12)
        assert spool.read(second.done()) == b"small"
        assert spool.size == 5


def test_a_full_disk_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Spool(tmp_path) as spool:

        def full(data: bytes) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(spool._file, "write", full)
        with pytest.raises(PartUnavailable, match="no room"):
            spool.write(b"x")
