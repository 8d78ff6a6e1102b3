"""One stack per data folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lungline.stack import DataFolderBusy
from lungline.stack.lock import DataLock


def test_second_holder_is_refused_and_told_who_holds(tmp_path: Path) -> None:
    with (
        DataLock(tmp_path),
        pytest.raises(DataFolderBusy, match=f"process {os.getpid()}"),
        DataLock(tmp_path),
    ):
        pass


def test_lock_can_be_taken_again_after_a_clean_end(tmp_path: Path) -> None:
    with DataLock(tmp_path):
        pass
    with DataLock(tmp_path) as lock:
        assert not lock.left_over


def test_lock_of_a_killed_process_is_free_and_known_as_left_over(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from lungline.stack.lock import DataLock\n"
        "lock = DataLock(Path(sys.argv[1])); lock.__enter__(); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)

    with DataLock(tmp_path) as lock:
        assert lock.left_over


def test_children_do_not_hold_the_lock(tmp_path: Path) -> None:
    with DataLock(tmp_path):
        child = subprocess.Popen(["sleep", "30"], close_fds=False)
    try:
        with DataLock(tmp_path):
            pass
    finally:
        child.kill()
        child.wait()
