"""A child says that it is ready, or why it is not, never both."""

from __future__ import annotations

from pathlib import Path

from lungline.settings import Settings
from workers.ready import ReadyFile


def test_child_that_loads_at_the_second_try_takes_its_refusal_back(tmp_path: Path) -> None:
    ready = ReadyFile(Settings(data_dir=tmp_path), "host-1-0")
    ready.refuse("no int8 networks")
    refusal = tmp_path / "run" / "host-1-0.unusable"
    assert refusal.read_text() == "no int8 networks\n"

    ready.clear()
    ready.set()

    assert [path.name for path in (tmp_path / "run").iterdir()] == ["host-1-0.ready"]
