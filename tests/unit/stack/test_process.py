"""A process dies with its parent, and its children with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from lungline.stack.part import describe_exit
from lungline.stack.process import Process

SLEEPER = "import time; time.sleep(600)"
PARENT_OF_SLEEPER = (
    "import subprocess, sys, time\n"
    f"child = subprocess.Popen([sys.executable, '-c', {SLEEPER!r}])\n"
    "print(child.pid, flush=True); time.sleep(600)"
)


def start(script: str, folder: Path) -> Process:
    command = (sys.executable, "-c", script)
    return Process(command, folder=folder, environment={}, orphan_signal=signal.SIGKILL)


def gone(pid: int, seconds: float = 60.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


def test_kill_ends_the_children_too(tmp_path: Path) -> None:
    process = start(PARENT_OF_SLEEPER, tmp_path)
    child = int(process.output.readline())

    process.kill()

    assert process.exit_code() == -signal.SIGKILL
    assert gone(child)
    process.output.close()


def test_children_of_a_process_that_died_are_ended(tmp_path: Path) -> None:
    process = start(PARENT_OF_SLEEPER, tmp_path)
    child = int(process.output.readline())

    os.kill(process.pid, signal.SIGTERM)
    while process.exit_code() is None:
        time.sleep(0.01)

    assert gone(child)
    process.output.close()


def test_process_has_a_session_of_its_own(tmp_path: Path) -> None:
    process = start(SLEEPER, tmp_path)

    assert os.getsid(process.pid) == process.pid

    process.kill()
    process.output.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a process to its parent")
def test_process_does_not_outlive_a_parent_that_is_killed() -> None:
    script = (
        "import signal, sys, time; from pathlib import Path\n"
        "from lungline.stack.process import Process\n"
        f"process = Process((sys.executable, '-c', {SLEEPER!r}), folder=Path('/'),\n"
        "    environment={}, orphan_signal=signal.SIGKILL)\n"
        "print(process.pid, flush=True); time.sleep(600)"
    )
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()

    assert gone(pid)


def test_exits_in_words() -> None:
    assert describe_exit(3) == "exit code 3"
    assert describe_exit(-9) == "SIGKILL"
    assert describe_exit(-1000) == "signal 1000"
