"""However `lungline up` ends, no process is left behind and no film is lost."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import sys
from pathlib import Path

import pytest

from tests.e2e.upstack import Up, all_gone, lungline, up
from tests.fixtures.parts import REPOSITORY

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

DEMO_FILMS = REPOSITORY / "ml" / "demofilms" / "films"
ONE_READER = ("--processes", 1)


def statuses(data: Path) -> dict[str, int]:
    """How many items of the database stand where."""
    connection = sqlite3.connect(data / "lungline.db")
    try:
        rows = connection.execute("SELECT status, count(*) FROM items GROUP BY status")
        return dict(rows.fetchall())
    finally:
        connection.close()


def submit_demo(stack: Up) -> str:
    done = lungline("submit", DEMO_FILMS, url=stack.url)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_sigterm_in_mid_job_leaves_no_process_and_the_next_start_goes_on(tmp_path: Path) -> None:
    with up(tmp_path, *ONE_READER) as stack:
        job_id = submit_demo(stack)
        processes = stack.descendants()
        stack.process.terminate()
        assert stack.wait(60) == 0, stack.lines
        assert all_gone(processes, seconds=0) == []

    assert stack.lines[-1] == "Lungline has stopped"
    assert "running" not in statuses(tmp_path), "films in work were finished or handed back"

    with up(tmp_path, *ONE_READER) as stack:
        done = lungline("status", job_id, "--watch", url=stack.url)
        assert done.returncode == 0, done.stderr
    assert statuses(tmp_path) == {"succeeded": 24}


def test_ctrl_c_reaches_the_whole_group_and_stops_in_order(tmp_path: Path) -> None:
    with up(tmp_path, *ONE_READER) as stack:
        processes = stack.descendants()
        os.killpg(stack.process.pid, signal.SIGINT)
        assert stack.wait(60) == 0, stack.lines
        assert all_gone(processes, seconds=0) == []

    assert stack.lines[-2:] == [
        "SIGINT: stopping; a second one stops at once",
        "Lungline has stopped",
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a process to its parent")
def test_killed_up_leaves_no_orphan_and_can_be_started_again_at_once(tmp_path: Path) -> None:
    with up(tmp_path, *ONE_READER) as stack:
        job_id = submit_demo(stack)
        processes = stack.descendants()
        port = stack.url.rpartition(":")[2]
        stack.process.kill()
        stack.wait()

        with up(tmp_path, *ONE_READER, "--port", port) as again:
            assert all_gone(processes, seconds=5) == []
            done = lungline("status", job_id, "--watch", url=again.url)
            assert done.returncode == 0, done.stderr
    assert statuses(tmp_path) == {"succeeded": 24}


def test_demo_once_shows_findings_writes_them_and_leaves_nothing(tmp_path: Path) -> None:
    films = tmp_path / "films"
    shutil.copytree(DEMO_FILMS, films)
    path = tmp_path / "findings.csv"

    done = lungline("demo", "--films", films, "--results", path, "--once", seconds=150)

    assert done.returncode == 0, done.stderr
    assert done.stdout.count("synthetic-") == 24
    assert "For research only" in done.stdout
    assert "/jobs/" in done.stdout
    assert len(path.read_text(encoding="utf-8").splitlines()) == 25
    assert "Lungline has stopped" in done.stderr
