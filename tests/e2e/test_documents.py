"""What README and docs show, run as it stands there against one running service."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook
from typer.testing import CliRunner

from lungline.cli.app import app
from lungline.client import LunglineClient
from tests.e2e.upstack import Up, up
from tests.factories import films
from tests.factories.bundle import tiny_bundle
from tests.factories.documents import blocks, words_of
from tests.factories.nia import write_nia
from tests.factories.receiver import receiving
from tests.factories.worker_processes import wait_for
from tests.fixtures.parts import REPOSITORY, missing_part

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

ADDRESSES = ("http://127.0.0.1:8570", "https://films.example")
DEMO_FILMS = sorted((REPOSITORY / "ml" / "demofilms" / "films").glob("*.png"))[:3]
KEY_ID = "019ab3c1f2e47d0f8b1c2d3e4f506172"
# What is not run here, by how it begins, and why. tests/unit/project/test_commands.py reads it all.
NOT_RUN = {
    "python -m ml train": "trains for up to hours; tests/unit/ml trains small networks",
    "python -m ml export": "exports what was trained",
    "python -m ml publish": "makes a bundle of what was trained",
    "python -m ml compare": "trains 36 networks",
    "python -m ml evaluate": "reads a whole data set that is not part of the project",
    "python -m ml outliers": "reads data sets that are not part of the project",
    "python -m ml precisions": "reads a whole data set that is not part of the project",
    "python -m ml quantise": "reads a whole data set that is not part of the project",
    "python -m ml agreement": "reads data sets that are not part of the project",
    "python -m ml shortcuts": "reads a whole data set that is not part of the project",
    "python -m ml demo-films": "learns from a data set that is not part of the project",
    "python -m ml prepare ../shared": "prepares a data set that is not part of the project",
    "python -m ml prepare $DATA": "as above on the page on data sets, where it is run",
    "lungline backup": "writes outside the test; tests/integration/test_backup.py runs it",
    "lungline restore": "as above",
    "python -m ml explore runs": "draws for a minute; tests/unit/ml/test_exploration.py runs it",
}


def run_of(page: str) -> list[str]:
    """The commands of a page that are run."""
    commands = [
        command for block in blocks("sh") if block.page == page for command in block.commands
    ]
    return [command for command in commands if not command.startswith(tuple(NOT_RUN))]


def pages_of(language: str) -> list[str]:
    return list(dict.fromkeys(block.page for block in blocks(language)))


SHELL = [
    page for page in pages_of("sh") if any("=" not in each.split()[0] for each in run_of(page))
]
PYTHON = pages_of("python")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LUNGLINE_WEBHOOK_NETWORKS", "127.0.0.0/8")
        with up(tmp_path_factory.mktemp("documents") / "data", "--processes", 1) as running:
            yield running


@pytest.fixture(scope="module")
def client(stack: Up) -> Iterator[LunglineClient]:
    with LunglineClient(stack.url) as client:
        yield client


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the files that the commands name, in a checkout as far as they see."""
    folder = tmp_path / "checkout"
    (folder / "films").mkdir(parents=True)
    (folder / "ml").symlink_to(REPOSITORY / "ml")
    for film in DEMO_FILMS:
        shutil.copy(film, folder / "films")
    shutil.copy(DEMO_FILMS[0], folder / "film.png")
    (folder / "other.dcm").write_bytes(films.dicom(11))
    with zipfile.ZipFile(folder / "films.zip", "w") as archive:
        archive.writestr("a.jpg", films.jpeg(12))
    return folder


def job_of_readme(client: LunglineClient, folder: Path) -> dict[str, str]:
    return {"JOB": client.wait(client.submit(folder / "films").id).id}


def data_set(client: LunglineClient, folder: Path) -> dict[str, str]:
    write_nia(folder / "DATA", patients=3)
    return {}


def bundle(client: LunglineClient, folder: Path) -> dict[str, str]:
    tiny_bundle(folder / "runs" / "bundles" / "nia-seven", name="nia-seven", version="1")
    return {}


def keys_and_bundles(client: LunglineClient, folder: Path) -> dict[str, str]:
    earlier = folder / "earlier"
    tiny_bundle(earlier, name="nia-seven", version="1")
    client.models.add(earlier)
    tiny_bundle(folder / "runs" / "bundles" / "nia-seven", name="nia-seven", version="2")
    (folder / "admin.key").write_text(
        f"{client.create_key(scopes=['admin', 'submit', 'read'])['key']}\n"
    )
    return {KEY_ID: str(client.create_key(name="old")["id"])}


def a_delivery(client: LunglineClient, folder: Path) -> dict[str, str]:
    webhook = client.webhooks.add("http://127.0.0.1:9/nobody")
    return {"WEBHOOK": webhook.id, "DELIVERY": client.webhooks.ping(webhook.id).id}


PREPARED: dict[str, Callable[[LunglineClient, Path], dict[str, str]]] = {
    "README.md": job_of_readme,
    "docs/datasets.md": data_set,
    "docs/training.md": bundle,
    "docs/operations.md": keys_and_bundles,
    "docs/webhooks.md": a_delivery,
}


def environment(stack: Up, folder: Path) -> dict[str, str]:
    """That of somebody who sits in the checkout; curl fails when the service refuses."""
    (folder / ".curlrc").write_text("fail\nsilent\nshow-error\n")
    return os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(REPOSITORY),
        "CURL_HOME": str(folder),
        "LUNGLINE_URL": stack.url,
    }


def here(text: str, stack: Up) -> str:
    """A text with the address of the stack for those that it names."""
    for address in ADDRESSES:
        text = text.replace(address, stack.url)
    return text


def run(
    command: list[str], stack: Up, folder: Path, variables: dict[str, str] | None = None
) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment(stack, folder) | (variables or {}),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_is_not_run_is_there_and_the_rest_is() -> None:
    commands = [command for block in blocks("sh") for command in block.commands]
    assert [each for each in NOT_RUN if not any(one.startswith(each) for one in commands)] == []
    assert set(PREPARED) == set(SHELL)
    assert {"README.md", "docs/client.md", "docs/webhooks.md"} <= set(PYTHON)
    assert {block.language for block in blocks()} == {"", "json", "nginx", "python", "sh"}


def type_in(command: str, stack: Up, folder: Path, variables: dict[str, str]) -> str:
    """Run a command as a shell does; ours in this process, as starting Python takes longest."""
    assigned = dict(re.findall(r"(\w+)=(\S+)", command))
    if command.startswith(("export ", *(f"{name}=" for name in assigned))):
        variables |= assigned
        return ""
    if not command.startswith("lungline "):
        return run(["bash", "-c", command], stack, folder, variables)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        told = environment(stack, folder) | variables
        done = CliRunner().invoke(app, words_of(command)[1:], env=told)
    assert done.exit_code == 0, (command, done.stderr)
    for written in re.findall(r" > (\S+)", command):
        (folder / written).write_text(done.stdout)
    return done.stdout


@pytest.mark.parametrize("page", SHELL)
def test_commands(page: str, stack: Up, folder: Path, client: LunglineClient) -> None:
    """Given what they name, if I type in the commands of a page, I expect that each works."""
    commands = run_of(page)
    if any(command.startswith("curl") for command in commands) and shutil.which("curl") is None:
        missing_part("curl", "install the package `curl`")
    default = next(model["key"] for model in client.models.all() if model["default"])
    placeholders = PREPARED[page](client, folder)
    variables: dict[str, str] = {}
    said = ""
    try:
        for command in commands:
            for placeholder, value in placeholders.items():
                command = re.sub(rf"\b{placeholder}\b", value, command)
            said += type_in(here(command, stack), stack, folder, variables)
    finally:
        client.models.activate(default, default=True)

    assert said
    for written in re.findall(r" > (\S+)", "\n".join(commands)):
        assert (folder / written).stat().st_size > 0, written


def script_of(page: str) -> str:
    """The Python blocks of a page, one after the other."""
    return "\n".join(block.text for block in blocks("python") if block.page == page)


def test_the_python_of_the_readme(stack: Up, folder: Path) -> None:
    said = run([sys.executable, "-c", here(script_of("README.md"), stack)], stack, folder)

    assert len(said.splitlines()) == len(DEMO_FILMS)
    assert all(len(line.split()) == 2 for line in said.splitlines())


def test_the_python_client(stack: Up, folder: Path) -> None:
    said = run([sys.executable, "-c", here(script_of("docs/client.md"), stack)], stack, folder)

    lines = said.splitlines()
    assert lines[0] == "succeeded 3 of 3"
    assert "3 films" in lines
    assert "paediatric-pneumonia@0.1.0" in lines[-2]
    assert lines[-1].startswith("job_not_found ")
    assert (folder / "overlay.png").read_bytes().startswith(b"\x89PNG")
    assert len((folder / "findings.csv").read_text().splitlines()) == 4


def test_the_receiver_of_webhooks(
    stack: Up,
    folder: Path,
    client: LunglineClient,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Given the docs' receiver, which fails once, I expect one message of a job, and no replay."""
    monkeypatch.chdir(folder)
    example, asking = (block for block in blocks("python") if block.page == "docs/webhooks.md")
    with receiving() as receiver:
        made = client.webhooks.add(receiver.url, ["job.finished"])
        secret = str(made.secret)
        Path("hook.secret").write_text(f"{secret}\n")
        names: dict[str, Any] = {"__name__": "receiver"}
        exec(example.text, names)  # noqa: S102
        receiver.serve(names["Receiver"])
        job = client.wait(client.submit(folder / "film.png").id)
        told = client.webhooks.deliveries
        wait_for(lambda: [each.status for each in told(made.id)] == ["delivered"])

        (delivery,) = client.webhooks.deliveries(made.id)
        assert (delivery.attempts, delivery.job_id, delivery.last_status) == (2, job.id, 204)
        first, second = receiver.seen
        assert first.headers["webhook-id"] == second.headers["webhook-id"] == delivery.id
        assert first.body == second.body
        message = Webhook(secret).verify(second.body, second.headers)
        assert (message["type"], message["data"]["job_id"]) == ("job.finished", job.id)

        # Who listened sends it again, first at once, then later, then with another time.
        assert receiver.send(second.headers, second.body) == 204
        sent_at = datetime.fromtimestamp(int(second.headers["webhook-timestamp"]), UTC)
        late = sent_at - timedelta(minutes=6)
        signed = {
            "webhook-id": delivery.id,
            "webhook-timestamp": str(int(late.timestamp())),
            "webhook-signature": Webhook(secret).sign(delivery.id, late, second.body.decode()),
        }
        assert receiver.send(signed, second.body) == 400
        changed = second.headers | {"webhook-timestamp": str(int(sent_at.timestamp()) + 1)}
        assert receiver.send(changed, second.body) == 400
        assert capsys.readouterr().out.splitlines() == [f"job.finished {job.id}"]

    exec(here(asking.text, stack), {})  # noqa: S102
    assert capsys.readouterr().out.startswith("ping ")
