"""`python -m workers health`: exit status, words, and what it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lungline.settings import Settings
from tests.fixtures.parts import REPOSITORY
from workers import health
from workers.__main__ import main

STALL = 0.4

BEATING = """
import sys, time
from pathlib import Path
from lungline.heartbeat import Heartbeat
heartbeat = Heartbeat(Path(sys.argv[1]), "analyze", float(sys.argv[2]))
print("beats", flush=True)
while True:
    time.sleep(0.05)
    heartbeat.beat()
"""


@pytest.fixture
def beating(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that beats, and may be stopped."""
    command = [sys.executable, "-c", BEATING, str(tmp_path / "run"), str(STALL)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "beats\n"
        yield process
        process.kill()


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(health, "AGAIN_SECONDS", 2 * STALL)
    return Settings(data_dir=tmp_path, stall_seconds=STALL)


def stand_still(process: subprocess.Popen[str]) -> None:
    os.kill(process.pid, signal.SIGSTOP)
    time.sleep(2 * STALL)


def test_workers_that_move_are_well(
    beating: subprocess.Popen[str], settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert health.check(settings, end=True) == 0
    assert capsys.readouterr().err == ""
    assert beating.poll() is None


def test_one_that_stands_still_is_told_and_ended_only_when_asked(
    beating: subprocess.Popen[str], settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    stand_still(beating)

    assert health.check(settings, end=False) == 1
    assert f"analyze (process {beating.pid}) has stood still" in capsys.readouterr().err
    assert beating.poll() is None

    assert health.check(settings, end=True) == 1
    assert beating.wait(60) == -signal.SIGKILL
    assert health.check(settings, end=True) == 1, "none is left"
    assert "none has begun to work" in capsys.readouterr().err


def test_one_that_was_frozen_and_goes_on_is_well(
    beating: subprocess.Popen[str], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its beat is old at the first look, as after a container's pause."""
    stand_still(beating)
    monkeypatch.setattr(health, "AGAIN_SECONDS", 60.0)
    sleep = time.sleep

    def thaw(seconds: float) -> None:
        os.kill(beating.pid, signal.SIGCONT)
        sleep(seconds)

    monkeypatch.setattr(health.time, "sleep", thaw)

    assert health.check(settings, end=True) == 0
    assert beating.poll() is None


def test_without_a_watch_nobody_is_judged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert health.check(Settings(data_dir=tmp_path, stall_seconds=0), end=True) == 0
    assert "LUNGLINE_STALL_SECONDS" in capsys.readouterr().err


def test_a_part_is_not_started_with_an_option_of_health(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["analyze", "--end"])
    assert "--end goes with health" in capsys.readouterr().err
