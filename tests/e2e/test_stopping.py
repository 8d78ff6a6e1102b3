"""However `lungline up` ends, no process is left behind and no film is lost."""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
from pathlib import Path

import psutil
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


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a process to its parent")
def test_however_it_ends_no_process_is_left_and_no_film_is_lost(tmp_path: Path) -> None:
    """Given a job of 24 films, if `up` is stopped, killed and interrupted, I expect all read."""
    with up(tmp_path, *ONE_READER) as stack:
        job_id = submit_demo(stack)
        processes = stack.descendants()
        stack.process.terminate()
        assert stack.wait() == 0, stack.lines
        assert all_gone(processes, seconds=0) == []
    assert stack.lines[-1] == "Lungline has stopped"
    assert "running" not in statuses(tmp_path), "films in work were finished or handed back"

    with up(tmp_path, *ONE_READER) as stack:
        processes = stack.descendants()
        port = stack.url.rpartition(":")[2]
        stack.process.kill()
        stack.wait()

        # At once: leftovers may still hold the port.
        with up(tmp_path, *ONE_READER, "--port", port) as again:
            assert all_gone(processes) == []
            done = lungline("status", job_id, "--watch", url=again.url)
            assert done.returncode == 0, done.stderr
            assert statuses(tmp_path) == {"succeeded": 24}

            processes = again.descendants()
            os.killpg(again.process.pid, signal.SIGINT)  # as Ctrl-C does: the whole group
            assert again.wait() == 0, again.lines
            assert all_gone(processes, seconds=0) == []
    assert again.lines[-2:] == [
        "SIGINT: stopping; a second one stops at once",
        "Lungline has stopped",
    ]


def test_demo_once_shows_findings_writes_them_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("deep" * 30)  # too deep for a socket
    deep.mkdir()
    monkeypatch.setenv("TMPDIR", str(deep))
    path = tmp_path / "findings.csv"

    done = lungline("demo", "--results", path, "--once")

    assert done.returncode == 0, done.stderr
    assert done.stdout.count("synthetic-") == 24
    assert "For research only" in done.stdout
    assert "These films are synthetic" in done.stdout
    assert len(path.read_text(encoding="utf-8").splitlines()) == 25
    assert list(deep.iterdir()) == [], "no data folder is left"
    assert processes_of(tmp_path) == []


def processes_of(folder: Path) -> list[psutil.Process]:
    """All processes whose data folder lies in `folder`."""
    return [
        process
        for process in psutil.process_iter(["environ"])
        if str(folder) in (process.info["environ"] or {}).get("LUNGLINE_DATA_DIR", "")
    ]
