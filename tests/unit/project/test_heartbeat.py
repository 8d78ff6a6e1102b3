"""What a part says of itself, and who of several is alive."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from lungline.heartbeat import PATIENCE, Heartbeat, living, read_beat, start_heartbeat
from lungline.settings import Settings
from tests.fixtures.parts import REPOSITORY

OTHER = """
import os, signal, sys
from pathlib import Path
from lungline.heartbeat import Heartbeat
Heartbeat(Path(sys.argv[1]), "expand", 8.0)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_beat_tells_who_when_and_how_long_it_may_last(tmp_path: Path) -> None:
    before = time.monotonic()
    heartbeat = Heartbeat(tmp_path / "run", "analyze", 8.0)
    (path,) = (tmp_path / "run").iterdir()
    first = read_beat(path)
    heartbeat.beat()
    second = read_beat(path)

    assert first is not None
    assert second is not None
    assert (first.role, first.pid, first.most_seconds) == ("analyze", os.getpid(), PATIENCE * 8.0)
    assert before - 0.001 <= first.at <= second.at <= time.monotonic() + 0.001
    heartbeat.close()
    assert read_beat(path) is None
    assert list((tmp_path / "run").iterdir()) == []


def test_a_child_beats_for_its_parent_and_its_end_ends_nothing(tmp_path: Path) -> None:
    heartbeat = Heartbeat(tmp_path, "analyze", 8.0)
    (path,) = tmp_path.iterdir()
    first = os.pread(heartbeat._file, 200, 0)  # opened again, it would lose its lock
    time.sleep(0.01)

    pid = os.fork()
    if not pid:
        heartbeat.beat()
        os._exit(0)
    os.waitpid(pid, 0)

    second = os.pread(heartbeat._file, 200, 0)
    assert second.split()[:3] == first.split()[:3]
    assert float(second.split()[3]) > float(first.split()[3])
    assert _seen_by_another(tmp_path) == [path.name]
    heartbeat.close()


def test_the_file_of_a_killed_process_is_that_of_the_dead_and_goes(tmp_path: Path) -> None:
    command = [sys.executable, "-c", OTHER, str(tmp_path)]
    subprocess.run(command, cwd=REPOSITORY, check=False)
    (left,) = tmp_path.iterdir()

    assert list(living(tmp_path)) == []

    heartbeat = Heartbeat(tmp_path, "analyze", 8.0)
    assert not left.exists()
    heartbeat.close()


def test_a_worker_whose_data_folder_cannot_be_written_works_without(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file in its place")

    assert start_heartbeat(Settings(data_dir=tmp_path / "data"), "control") is None


def test_without_a_watch_there_is_no_heartbeat(tmp_path: Path) -> None:
    assert start_heartbeat(Settings(data_dir=tmp_path, stall_seconds=0), "control") is None
    assert list(tmp_path.iterdir()) == []


def _seen_by_another(run: Path) -> list[str]:
    """Which parts another process sees alive: the lock is between processes."""
    script = "import sys; from pathlib import Path; from lungline.heartbeat import living\n"
    script += "print(*(path.name for path in living(Path(sys.argv[1]))))"
    done = subprocess.run(
        [sys.executable, "-c", script, str(run)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()
