"""Every command of the README's part "Using it", as it stands there, against a running service."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.upstack import Up, lungline, up
from tests.factories import films
from tests.fixtures.parts import REPOSITORY, missing_part

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
USING = README.partition("## Using it")[2].partition("\n## ")[0]
COMMANDS = "".join(re.findall(r"```sh\n(.*?)```", USING, re.DOTALL)).splitlines()
ADDRESS = "http://127.0.0.1:8570"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with up(tmp_path_factory.mktemp("readme") / "data", "--processes", 1) as running:
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the commands name."""
    folder = tmp_path_factory.mktemp("films")
    (folder / "films").mkdir()
    for number in range(3):
        (folder / "films" / f"{number}.png").write_bytes(films.png8(number))
    (folder / "film.png").write_bytes(films.png8(10))
    (folder / "other.dcm").write_bytes(films.dicom(11))
    with zipfile.ZipFile(folder / "films.zip", "w") as archive:
        archive.writestr("a.jpg", films.jpeg(12))
    return folder


@pytest.fixture(scope="module")
def job_id(stack: Up, folder: Path) -> str:
    return lungline("submit", folder / "films", "--watch", url=stack.url).stdout.strip()


def test_both_clients_are_shown() -> None:
    assert {command.split()[0] for command in COMMANDS} == {"lungline", "curl"}
    assert ADDRESS in USING


@pytest.mark.parametrize("command", COMMANDS)
def test_it_works(command: str, stack: Up, folder: Path, job_id: str) -> None:
    if command.startswith("curl") and shutil.which("curl") is None:
        missing_part("curl", "install the package `curl`")
    (folder / ".curlrc").write_text("fail\nsilent\nshow-error\n")
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {
        "PATH": programs,
        "CURL_HOME": str(folder),
        "LUNGLINE_URL": stack.url,
    }

    done = subprocess.run(
        ["bash", "-c", command.replace("JOB", job_id).replace(ADDRESS, stack.url)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout or (folder / "findings.csv").stat().st_size
