"""`python -m storage migrate`."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.__main__ import main


def test_migrate_makes_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LUNGLINE_DATA_DIR", str(tmp_path / "new"))

    assert main(["migrate"]) == 0

    assert capsys.readouterr().out == "The database is at revision 0011.\n"
    assert (tmp_path / "new" / "lungline.db").exists()
    assert main(["migrate"]) == 0


def test_migrate_says_what_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LUNGLINE_DATABASE_URL", f"sqlite:///{tmp_path}/nowhere/x.db")

    assert main(["migrate"]) == 1

    assert "LUNGLINE_DATABASE_URL" in capsys.readouterr().err
