"""`python -m storage migrate`, `create-admin-key` and `audit`."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from lungline.domain import Scope
from lungline.errors import StoreUnavailable
from lungline.settings import Settings
from storage.__main__ import main
from storage.database import Database
from storage.items import NewItem
from storage.objects import open_store
from storage.repository import Repository
from tests.factories.rows import a_film, submit


def test_migrate_makes_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LUNGLINE_DATA_DIR", str(tmp_path / "new"))

    assert main(["migrate"]) == 0

    assert capsys.readouterr().out == "The database is at revision 0027.\n"
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
    made = keys.page(limit=10).items
    assert len(made) == 3, "what could not be written is no key"
    told = Repository(database).audit.page(limit=10).items
    assert [(event.action, event.target) for event in told] == [
        ("key.created", key.id) for key in made
    ]
    assert {(event.key_id, event.request_id) for event in told} == {(None, "create-admin-key")}
    assert [path.name for path in tmp_path.glob("admin.key*")] == ["admin.key"]
    database.dispose()


def test_the_audit_says_what_is_wrong_and_removes_only_what_it_is_told_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LUNGLINE_DATA_DIR", str(tmp_path))
    main(["migrate"])
    database = Database(f"sqlite:///{tmp_path / 'lungline.db'}")
    submit(Repository(database), [NewItem("a", a_film("a"))])
    database.dispose()
    store = open_store(Settings(store="local", store_dir=tmp_path / "objects"))
    orphan, film = f"default/films/{'0' * 64}", a_film("a").object_key
    store.put_many(dict.fromkeys((orphan, film), b"abc"))
    capsys.readouterr()

    assert main(["audit"]) == 0, "what is young is left alone"
    assert "Looked at 2 objects and 1 rows: 0 objects" in capsys.readouterr().out
    assert main(["audit", "--grace-hours", "0"]) == 1
    assert capsys.readouterr().out.startswith(f"orphan  film  {orphan}  3 bytes\n")
    assert store.exists(orphan)
    store.delete(film)
    assert main(["audit", "--grace-hours", "0", "--json", "--delete"]) == 1
    first, second, last = map(json.loads, capsys.readouterr().out.splitlines())

    assert (first["problem"], first["key"], first["deleted"]) == ("orphan", orphan, True)
    assert (second["problem"], second["key"], second["deleted"]) == ("missing", film, False)
    assert last == {
        "objects": 1,
        "rows": 1,
        "orphans": 1,
        "unfinished": 0,
        "deleted": 1,
        "missing": 1,
        "foreign": 0,
    }
    assert not store.exists(orphan)
    store.put(film, b"abc")
    assert main(["audit", "--grace-hours", "0"]) == 0


def test_an_audit_that_cannot_be_made_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LUNGLINE_DATA_DIR", str(tmp_path))
    main(["migrate"])
    monkeypatch.setattr("storage.objects.local.LocalStore.listing", _away)

    assert main(["audit"]) == 2

    assert "The audit was broken off: It is away." in capsys.readouterr().err
    with pytest.raises(SystemExit) as refused:
        main(["audit", "--grace-hours", "-1"])
    assert refused.value.code == 2


def _away(store: object, prefix: str) -> None:
    raise StoreUnavailable("It is away.")
