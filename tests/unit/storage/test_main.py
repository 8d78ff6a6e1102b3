"""`python -m storage migrate` and `create-admin-key`."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from lungline.domain import Scope
from storage.__main__ import main
from storage.database import Database
from storage.repository import Repository


def test_migrate_makes_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LUNGLINE_DATA_DIR", str(tmp_path / "new"))

    assert main(["migrate"]) == 0

    assert capsys.readouterr().out == "The database is at revision 0022.\n"
    assert (tmp_path / "new" / "lungline.db").exists()
    assert main(["migrate"]) == 0


def test_migrate_says_what_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LUNGLINE_DATABASE_URL", f"sqlite:///{tmp_path}/nowhere/x.db")

    assert main(["migrate"]) == 1

    assert "LUNGLINE_DATABASE_URL" in capsys.readouterr().err


def test_an_admin_key_is_printed_or_written_for_its_owner_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LUNGLINE_DATA_DIR", str(tmp_path))
    file = tmp_path / "admin.key"

    assert main(["migrate", "--admin-key-file", str(file)]) == 0
    first = file.read_text().strip()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert first not in capsys.readouterr().out
    assert main(["migrate", "--admin-key-file", str(file)]) == 0
    assert file.read_text().strip() == first, "there is one"

    capsys.readouterr()
    assert main(["create-admin-key"]) == 0
    printed = capsys.readouterr().out.strip()
    assert main(["create-admin-key", "--file", str(file)]) == 0
    assert main(["create-admin-key", "--file", str(tmp_path / "nowhere" / "x")]) == 1

    database = Database(f"sqlite:///{tmp_path / 'lungline.db'}")
    keys = Repository(database).keys
    for token in (first, printed, file.read_text().strip()):
        assert Scope.ADMIN in keys.check(token).scopes
    assert len(keys.page(limit=10).items) == 3, "what could not be written is no key"
    assert [path.name for path in tmp_path.glob("admin.key*")] == ["admin.key"]
    database.dispose()
