"""The docs say what the code does: settings, commands, secrets."""

from __future__ import annotations

import re

from lungline.settings import Settings
from tests.fixtures.parts import REPOSITORY

OPERATIONS = (REPOSITORY / "docs" / "operations.md").read_text(encoding="utf-8")


def test_every_setting_is_documented() -> None:
    documented = set(re.findall(r"^\| `(LUNGLINE_[A-Z0-9_]+)`", OPERATIONS, re.MULTILINE))
    assert documented == {f"LUNGLINE_{name.upper()}" for name in Settings.model_fields}


def test_defaults_in_the_docs_are_the_defaults() -> None:
    rows = dict(
        re.findall(r"^\| `LUNGLINE_([A-Z0-9_]+)` \| `([^`]*)` \|", OPERATIONS, re.MULTILINE)
    )
    defaults = {
        name.upper(): str(field.default)
        for name, field in Settings.model_fields.items()
        if name.upper() in rows
    }
    assert len(rows) > 20
    assert rows == defaults


def test_only_the_settings_read_the_environment() -> None:
    # Setting a variable for a library or a child process is not reading one.
    reads = re.compile(r"os\.getenv|environ\.get\b|environ\[[^\]]+\](?!\s*=[^=])")
    readers = {
        path.relative_to(REPOSITORY).as_posix()
        for room in ("lungline", "storage", "api", "workers", "ml")
        for path in (REPOSITORY / room).rglob("*.py")
        if reads.search(path.read_text(encoding="utf-8"))
    }
    assert readers == set()


def test_make_help_names_the_commands() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    helped = set(re.findall(r"^([a-z-]+):.*## .", makefile, re.MULTILINE))
    phony = set(re.findall(r"^\.PHONY: (\S+)", makefile, re.MULTILINE))
    assert {"demo", "test", "lint", "bench", "up"} <= helped
    assert phony == helped


def test_no_file_names_an_index() -> None:
    for path in (REPOSITORY / "constraints").glob("*.txt"):
        content = path.read_text(encoding="utf-8")
        assert "://" not in content
        assert "--" not in content
