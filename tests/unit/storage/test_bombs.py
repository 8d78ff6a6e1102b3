"""Films that would fill the memory of a careless service, at each place that opens films."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lungline.settings import MIB
from tests.factories.bomb_range import BOMBS, write_bombs
from tests.fixtures.parts import REPOSITORY

MOST_BYTES = 400 * MIB
"""Less than the large bombs unpack to."""

PLACES = {
    "intake": ("taken", "too_large", "too_many_pixels"),
    "reader": ("read", "too_large", "too_many_pixels", "undecodable", "truncated"),
    "pictures": ("drawn", "undecodable"),
}


@pytest.fixture(scope="module")
def bombs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bombs")
    write_bombs(folder)
    return folder


@pytest.mark.parametrize("place", PLACES)
def test_each_bomb_gets_a_named_answer_and_little_memory(place: str, bombs: Path) -> None:
    told = thrown_at(place, bombs)
    assert set(told["came"]) == set(BOMBS)
    for bomb, word in told["came"].items():
        assert word in PLACES[place], bomb
    assert told["peak"] < MOST_BYTES
    if place != "pictures":  # of what was never taken there is none
        claims = {word for bomb, word in told["came"].items() if bomb.endswith("claims 1.6 GP")}
        assert claims == {"too_many_pixels"}


def test_no_bomb_is_stopped_by_its_own_size(bombs: Path) -> None:
    assert all(bomb.stat().st_size < 4 * MIB for bomb in bombs.iterdir())


def thrown_at(place: str, bombs: Path) -> dict[str, Any]:
    """What came of each bomb; the process lives through them all."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.factories.bomb_range", place, str(bombs)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(json.loads(done.stdout))
