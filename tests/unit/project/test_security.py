"""SECURITY.md names measures, and tests that show them: these exist."""

from __future__ import annotations

import re

from lungline.settings import Settings
from tests.fixtures.parts import REPOSITORY

SECURITY = (REPOSITORY / "SECURITY.md").read_text(encoding="utf-8")


def test_every_test_that_it_names_is_there() -> None:
    named = set(re.findall(r"`((?:[\w/]+/)test_\w+\.py)`", SECURITY))
    there = {
        name
        for name in named
        if (REPOSITORY / name).is_file() or (REPOSITORY / "tests" / "unit" / name).is_file()
    }
    assert len(named) > 30
    assert named == there


def test_every_attack_is_answered_and_shown() -> None:
    (table,) = re.findall(r"^\| Attack \|.*?(?=^$)", SECURITY, re.MULTILINE | re.DOTALL)
    rows = [row.strip("|").split(" | ") for row in table.splitlines()[2:]]
    assert len(rows) > 15
    assert all(len(row) == 3 and "test" in row[2] for row in rows)


def test_every_setting_and_command_that_it_names_is_there() -> None:
    settings = {f"LUNGLINE_{name.upper()}" for name in Settings.model_fields}
    assert set(re.findall(r"LUNGLINE_\w+", SECURITY)) <= settings
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    for command in re.findall(r"`make ([\w-]+)`", SECURITY):
        assert f"\n{command}:" in makefile
