"""The benchmark of bulk work starts, measures and tells its figures; none of them is judged."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from benchmarks import bulk
from tests.fixtures.parts import REPOSITORY


@pytest.mark.integration
def test_a_part_of_it_prints_its_figures_last() -> None:
    command = [sys.executable, "-m", "benchmarks.bulk", "--small", "--only", "permits"]

    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=600)

    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert 0 < figures["max_broker_messages"] < 1_000


def test_all_parts_can_be_tried_out() -> None:
    assert list(bulk.SMALL) == list(bulk.FULL)
