"""The log file of a part."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lungline.stack import log
from lungline.stack.log import PartLog


def follow(part_log: PartLog, script: str) -> None:
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        part_log.follow(process.stdout)
        process.wait()
        part_log.drain(60)
        part_log.close()


def test_what_is_said_after_the_file_was_closed_is_in_it_and_it_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A handler that writes after its end would open the file anew, and nobody would close it."""
    part_log = PartLog(tmp_path / "api.log")
    monkeypatch.setattr(part_log, "drain", lambda: None)  # a machine too busy to wait for
    command = [sys.executable, "-c", "input(); print('late')"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        part_log.follow(process.stdout)
        part_log.close()
        process.stdin.write(b"\n")
        process.stdin.flush()
        process.wait()
    PartLog.drain(part_log, 60)

    assert part_log.path.read_text() == "late\n"
    assert part_log._file.stream is None


def test_lines_go_into_the_file_and_the_last_ones_are_kept(tmp_path: Path) -> None:
    part_log = PartLog(tmp_path / "api.log")

    follow(part_log, "for n in range(100): print('line', n)")

    assert part_log.path.read_text().splitlines()[99] == "line 99"
    assert part_log.last_lines[-1] == "line 99"
    assert len(part_log.last_lines) == log.LAST_LINES


def test_file_is_rotated_by_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "MAX_BYTES", 2000)
    part_log = PartLog(tmp_path / "api.log")

    follow(part_log, "for n in range(2000): print('line', n)")

    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ["api.log", *(f"api.log.{n}" for n in range(1, log.OLD_FILES + 1))]
    assert all(path.stat().st_size <= 2000 for path in tmp_path.iterdir())
    assert part_log.path.read_text().splitlines()[-1] == "line 1999"


def test_bytes_that_are_no_text_and_endless_lines_do_no_harm(tmp_path: Path) -> None:
    part_log = PartLog(tmp_path / "api.log")

    follow(part_log, r"import os; os.write(1, b'\xff\n' + b'x' * 200_000 + b'\n%s %d\n')")

    assert part_log.last_lines[0] == "�"
    assert part_log.last_lines[-1] == "%s %d"


def test_full_disk_does_not_block_the_part(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    (tmp_path / "api.log").symlink_to("/dev/full")
    part_log = PartLog(tmp_path / "api.log")

    follow(part_log, "for n in range(20_000): print('line', n)")

    assert part_log.last_lines[-1] == "line 19999"
