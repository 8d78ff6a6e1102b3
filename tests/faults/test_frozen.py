"""A worker all of whose processes stand still at once is seen from outside, and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from lungline.settings import Settings
from lungline.stack import Supervisor
from lungline.stack.folders import Folders
from lungline.stack.listener import open_listener
from lungline.stack.plan import embedded
from tests.e2e.upstack import all_gone
from tests.factories.bundle import tiny_bundle
from tests.factories.service import many_films, quick_settings
from tests.factories.work import Desk
from tests.factories.worker_processes import PATIENCE_SECONDS, wait_for
from tests.fixtures.parts import REPOSITORY

pytestmark = pytest.mark.faults

STALL = 6.0  # a busy machine must not take it for a stall that it was not served for so long


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Supervisor]:
    """The embedded stack with one reader of the tiny bundle."""
    settings = quick_settings(tmp_path, worker_processes=1, stall_seconds=STALL)
    tiny_bundle(settings.bundles_dir / "tiny")
    folders = Folders(tmp_path)
    folders.prepare()
    with open_listener("127.0.0.1", 0) as listener:
        supervisor = Supervisor(embedded(settings, REPOSITORY, folders, listener))
        supervisor.start()
        try:
            assert supervisor.ready.wait(PATIENCE_SECONDS), supervisor.failure
            yield supervisor
        finally:
            supervisor.stop()
            supervisor.join()
            folders.tidy()


def health(settings: Settings) -> subprocess.CompletedProcess[str]:
    """What a container's check would say."""
    return subprocess.run(
        [sys.executable, "-m", "workers", "health"],
        cwd=REPOSITORY,
        env=os.environ | {"LUNGLINE_DATA_DIR": str(settings.data_dir)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_frozen_worker_is_told_killed_and_started_again(stack: Supervisor) -> None:
    settings, frozen = stack.plan.settings, stack.pids()["analyze"]
    assert frozen is not None
    family = [psutil.Process(frozen), *psutil.Process(frozen).children()]
    well = health(settings)
    others = {name: pid for name, pid in stack.pids().items() if name != "analyze"}

    os.killpg(frozen, signal.SIGSTOP)

    wait_for(lambda: stack.pids()["analyze"] not in {None, frozen})
    assert (well.returncode, well.stderr) == (0, "")
    assert "analyze stood still and was killed" in stack.notices()
    assert all_gone(family) == []
    assert {name: stack.pids()[name] for name in others} == others
    desk = Desk(settings)
    job = desk.submit(many_films(4, 91_000))
    wait_for(lambda: desk.job(job).succeeded == 4)
    desk.close()
