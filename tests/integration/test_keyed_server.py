"""Keys end to end: commands of an administrator, with a key in a file, against the real server."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lungline.cli.app import app
from lungline.settings import environment_of
from storage.admin_key import create_admin_key
from tests.factories import films
from tests.factories.servers import Server, running_server
from tests.factories.services import settings
from tests.fixtures.parts import REPOSITORY
from tests.fixtures.ports import reserve_port

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("keyed"), auth="keys", api_threads=2) as running:
        yield running


@pytest.fixture
def lungline(server: Server, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs a command with the key in a file, or without one."""

    def run(key: Path | None, *words: object) -> Result:
        monkeypatch.setenv("LUNGLINE_URL", server.settings.url)
        if key is None:
            monkeypatch.delenv("LUNGLINE_KEY_FILE", raising=False)
        else:
            monkeypatch.setenv("LUNGLINE_KEY_FILE", str(key))
        return CliRunner().invoke(app, [str(word) for word in words])

    return run


def test_from_the_first_key_to_a_revoked_one(
    server: Server, lungline: Callable[..., Result], tmp_path: Path
) -> None:
    admin, ward, film = tmp_path / "admin.key", tmp_path / "ward.key", tmp_path / "film.png"
    create_admin_key(server.repository.keys, admin)
    film.write_bytes(films.png8(1))

    made = lungline(admin, "keys", "create", "--tenant", "ward", "--name", "ward 3")
    assert made.exit_code == 0, made.stderr
    ward.write_text(made.stdout)
    listed = lungline(admin, "keys", "list", "--tenant", "ward", "--json")
    key = json.loads(listed.stdout)
    assert (key["name"], key["scopes"]) == ("ward 3", ["read", "submit"])

    sent = lungline(ward, "submit", film)
    assert sent.exit_code == 0, sent.stderr
    assert server.repository.jobs.get("ward", sent.stdout.strip()).tenant == "ward"
    refused = lungline(None, "status", sent.stdout.strip())
    assert (refused.exit_code, "API key" in refused.stderr) == (2, True)
    assert lungline(ward, "keys", "list").exit_code == 2

    assert lungline(admin, "keys", "revoke", key["id"]).exit_code == 0
    gone = lungline(ward, "jobs")
    assert (gone.exit_code, "revoked" in gone.stderr) == (2, True)

    secrets = [path.read_text().strip().split("_", 2)[2] for path in (admin, ward)]
    log = server.log.read_text()
    assert f'"by_key": "{key["id"]}"' in log
    assert not [secret for secret in secrets if secret in log]


def test_without_keys_it_does_not_start_on_another_address(tmp_path: Path) -> None:
    made = settings(tmp_path)
    bind = f"0.0.0.0:{reserve_port()}"
    done = subprocess.run(
        [sys.executable, "-m", "gunicorn", "api.wsgi:app", "-c", "api/gunicorn.py", "--bind", bind],
        cwd=REPOSITORY,
        env=environment_of(made),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode != 0
    assert "LUNGLINE_AUTH=keys" in done.stderr
