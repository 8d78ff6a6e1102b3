"""What the doctor finds, on parts that are well and on parts that are not."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lungline.cli import main  # noqa: F401  # registers the commands
from lungline.cli.app import app
from lungline.client import retry
from lungline.settings import Settings
from tests.factories.scripted import Answer, problem, scripted
from tests.fixtures.parts import REPOSITORY
from tests.fixtures.ports import reserve_port
from workers.doctor import Found, checks

READY = Answer({"status": "ready", "parts": {"database": "ok", "broker": "ok"}})
SERVER = ["disk", "database", "store", "broker", "bundle", "port"]


def found(folder: Path, **changes: object) -> dict[str, Found]:
    values = {
        "data_dir": folder,
        "bundles_dir": REPOSITORY / "ml" / "bundles",
        "api_port": reserve_port(),
        "min_free_bytes": 0,
    }
    return dict(checks(Settings(**(values | changes))))


def test_before_the_first_start_all_is_well_and_nothing_is_made(tmp_path: Path) -> None:
    report = found(tmp_path)

    assert list(report) == SERVER
    assert [name for name, (ok, *_) in report.items() if not ok] == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "changes", "todo"),
    [
        ("disk", {"min_free_bytes": 1 << 60}, "LUNGLINE_MIN_FREE_BYTES"),
        ("database", {"database_url": "postgresql://n@127.0.0.1:1/n"}, "LUNGLINE_DATABASE_URL"),
        ("database", {"database_url": "sqlite:////absent/l.db"}, "python -m storage migrate"),
        ("store", {"store_dir": "file"}, "LUNGLINE_STORE_DIR"),
        ("broker", {"broker_url": "redis://127.0.0.1:1/0"}, "LUNGLINE_BROKER_URL"),
        ("bundle", {"bundle": "absent"}, "LUNGLINE_BUNDLE"),
        ("port", {"api_host": "192.0.2.1", "auth": "keys"}, "LUNGLINE_API_PORT"),
    ],
)
def test_each_part_that_is_wrong_is_told_with_what_to_do(
    name: str, changes: dict[str, object], todo: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    if "store_dir" in changes:
        changes = {"store_dir": tmp_path / "file"}

    report = found(tmp_path, **changes)

    assert [each for each, (ok, *_) in report.items() if not ok] == [name]
    assert todo in report[name][2]


def test_no_password_of_an_address_is_told(tmp_path: Path) -> None:
    hidden = "planted-password"
    told = found(
        tmp_path,
        database_url=f"postgresql+psycopg://user:{hidden}@127.0.0.1:1/x?password={hidden}",
        broker_url=f"redis://:{hidden}@127.0.0.1:1/0",
        s3_secret_key=hidden,
    )
    assert not told["database"][0]
    assert "127.0.0.1" in told["database"][1]
    assert hidden not in str(told)


def test_another_program_on_the_port_is_told(tmp_path: Path) -> None:
    with scripted(Answer({"status": "other"})) as service:
        port = int(service.url.rpartition(":")[2])
        ok, says, _ = found(tmp_path, api_port=port)["port"]
    assert (ok, f"port {port}" in says) == (False, True)
    with scripted(Answer({"status": "ok"})) as service:
        ok, says, _ = found(tmp_path, api_port=int(service.url.rpartition(":")[2]))["port"]
    assert (ok, "the service listens" in says) == (True, True)


def test_the_command_checks_everything_and_ends_by_what_it_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry.Retry, "wait", lambda *_: 0.0)
    monkeypatch.setenv("LUNGLINE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("LUNGLINE_API_PORT", str(reserve_port()))
    monkeypatch.chdir(tmp_path)
    with scripted(READY) as service:
        monkeypatch.setenv("LUNGLINE_URL", service.url)
        well = CliRunner().invoke(app, ["doctor", "--json"])

    assert well.exit_code == 0, well.output
    lines = [json.loads(line) for line in well.stdout.splitlines()]
    assert [line["name"] for line in lines] == ["settings", *SERVER, "service"]
    assert all(line["ok"] for line in lines)


def test_of_another_service_only_its_readiness_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry.Retry, "wait", lambda *_: 0.0)
    degraded = Answer({"status": "degraded", "parts": {"database": "ok", "broker": "down"}})
    down = problem(503, "part_unavailable", "Not answering: store.")
    for answer, words in ((degraded, "not its broker"), (down, "Not answering: store.")):
        with scripted(answer) as service:
            result = CliRunner().invoke(app, ["doctor", "--url", service.url])
        assert result.exit_code == 1
        settings, about = result.stdout.splitlines()
        assert settings.startswith("ok    settings")
        assert about.startswith("wrong service")
        assert words in about


def test_a_setting_that_cannot_be_used_is_told_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUNGLINE_API_PORT", "-1")

    result = CliRunner().invoke(app, ["doctor"])

    assert result.exit_code == 1
    assert result.stdout.startswith("wrong settings  LUNGLINE_API_PORT")


def test_where_only_the_clients_are_the_rest_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("lungline.stack.checkout.lungline.__file__", str(tmp_path / "a" / "b.py"))
    with scripted(READY) as service:
        monkeypatch.setenv("LUNGLINE_URL", service.url)
        result = CliRunner().invoke(app, ["doctor"])

    assert result.exit_code == 0, result.output
    assert "not checked, for only Lungline's clients are installed here" in result.stdout


def test_a_broker_that_hangs_does_not_hang_the_doctor(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        assert not found(tmp_path, broker_url=url, publish_timeout_seconds=0.2)["broker"][0]
