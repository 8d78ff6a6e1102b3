"""How commands end: each exit code of docs/cli.md by a command, each phase by Ctrl-C."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner, Result

from lungline.cli import main  # noqa: F401  # registers the commands
from lungline.cli.app import app
from lungline.client import retry
from tests.factories import films
from tests.factories.scripted import JOB_ID, Answer, job_wire, problem, scripted
from tests.fixtures.parts import REPOSITORY
from tests.fixtures.ports import NOBODY_URL

Run = Callable[..., Result]
RUNNING = Answer(job_wire("running", succeeded=1, queued=1))
ENDED = Answer(job_wire("succeeded"))
AGAIN = Answer({"job": job_wire("running"), "retried": 1, "refused": 0})
EXPORTING = Answer(
    {
        "id": JOB_ID,
        "status": "queued",
        "progress": {"items": 0, "total": 2},
        "error": None,
        "sha256": None,
        "url": None,
    }
)
PARTLY = Answer(job_wire("completed_with_errors", succeeded=1, failed=1))


def ctrl_c() -> None:
    os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture(autouse=True)
def _as_in_a_terminal() -> Iterator[None]:
    """Let SIGINT interrupt; a test run in the background was started with it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(retry.Retry, "wait", lambda *_: 0.0)

    def run(*arguments: object, answers: tuple[Answer, ...] = ()) -> Result:
        words = [str(argument) for argument in arguments]
        monkeypatch.setenv("LUNGLINE_URL", NOBODY_URL)
        if not answers:
            return CliRunner().invoke(app, words)
        with scripted(*answers) as service:
            return CliRunner().invoke(app, [*words, "--url", service.url])

    return run


ENDS: list[tuple[int, tuple[str, ...], tuple[Answer, ...], str]] = [
    (0, ("watch", JOB_ID), (ENDED,), ""),
    (1, ("watch", JOB_ID), (), "start it with `lungline up`"),
    (1, ("status", JOB_ID), (problem(503, "database_unavailable", "It is away."),), "It is away."),
    (1, ("cancel", JOB_ID), (Answer(b"<html>", headers={}),), "what answers there is not Lungline"),
    (2, ("watch", "no/job"), (), "is no job id"),
    (2, ("watch", JOB_ID), (problem(404, "job_not_found", "No such job."),), "No such job."),
    (3, ("watch", JOB_ID), (PARTLY,), ""),
    (4, ("results", JOB_ID, "-o", "/dev/full"), (Answer(b"x" * 99),), "make room on that disk"),
    (4, ("results", JOB_ID, "-o", "/sys/f.csv"), (Answer(b"x"),), "in which you may write"),
    (4, ("results", JOB_ID, "-o", "/absent/f.csv"), (Answer(b"x"),), "make that folder first"),
    (4, ("up", "--data", "/sys/lungline"), (), "in which you may write"),
    (4, ("demo", "--once", "--data", "/etc/passwd"), (), "name a folder"),
    (130, ("watch", JOB_ID), (RUNNING, Answer(first=ctrl_c, status=0)), "the job goes on"),
]


@pytest.mark.parametrize(("code", "arguments", "answers", "says"), ENDS)
def test_each_end_has_its_code_and_one_line(
    run: Run, code: int, arguments: tuple[str, ...], answers: tuple[Answer, ...], says: str
) -> None:
    result = run(*arguments, answers=answers)

    assert result.exit_code == code, result.output
    assert says in result.stderr
    assert len(result.stderr.splitlines()) == bool(says)


def test_the_documented_codes_are_those_that_are_tested() -> None:
    text = (REPOSITORY / "docs" / "cli.md").read_text(encoding="utf-8")
    documented = {int(code) for code in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)}
    assert documented == {code for code, *_ in ENDS}


def test_every_command_is_documented_and_has_json() -> None:
    text = (REPOSITORY / "docs" / "cli.md").read_text(encoding="utf-8")
    quiet = {"up"}  # tells of itself on standard error only
    for command in app.registered_commands:
        assert command.callback is not None
        name = command.name or command.callback.__name__
        if name in {"keys", "models"}:
            continue
        assert f"`{name}`" in text
        said = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "200"}).output
        assert ("--json" in said) == (name not in quiet), name
    for group in app.registered_groups:
        assert group.typer_instance is not None
        for command in group.typer_instance.registered_commands:
            assert command.callback is not None
            words = [str(group.name), command.name or command.callback.__name__, "--help"]
            assert "--json" in CliRunner().invoke(app, words, env={"COLUMNS": "200"}).output, words


@pytest.mark.parametrize(
    ("command", "phase", "says"),
    [
        ("submit", (Answer(first=ctrl_c, status=0),), "the same command again"),
        ("submit --watch", (RUNNING, RUNNING, Answer(first=ctrl_c, status=0)), "lungline watch"),
        ("status", (Answer(first=ctrl_c, status=0),), "interrupted"),
        ("status --watch", (RUNNING, Answer(first=ctrl_c, status=0)), "lungline cancel"),
        ("retry --watch", (Answer(first=ctrl_c, status=0),), "interrupted"),
        ("results", (Answer(b"x", first=ctrl_c),), "give the command again"),
        ("results --background", (Answer(first=ctrl_c, status=0),), "give the command again"),
        ("results --format masks", (EXPORTING, Answer(first=ctrl_c, status=0)), "not whole"),
        ("entries", (Answer(first=ctrl_c, status=0),), "interrupted"),
        ("retry --watch", (AGAIN, Answer(first=ctrl_c, status=0)), "lungline watch"),
        ("cancel", (Answer(first=ctrl_c, status=0),), "interrupted"),
        ("show", (Answer(first=ctrl_c, status=0),), "no picture was written"),
        ("jobs", (Answer(first=ctrl_c, status=0),), "interrupted"),
    ],
)
def test_ctrl_c_in_each_phase_says_what_has_become_of_the_work(
    run: Run, tmp_path: Path, command: str, phase: tuple[Answer, ...], says: str
) -> None:
    film = tmp_path / "film.jpg"
    film.write_bytes(films.jpeg(1))
    name, *options = command.split()
    subject = [] if name == "jobs" else [film if name == "submit" else JOB_ID]

    result = run(name, *subject, *options, answers=phase)

    assert result.exit_code == 130, result.output
    *before, last = result.stderr.splitlines()
    assert last.startswith("lungline: interrupted")
    assert says in last
    assert [line for line in before if "interrupted" in line] == []


def test_ctrl_c_at_a_question_is_no_answer(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    terminal = SimpleNamespace(stdin=SimpleNamespace(readline=interrupted))
    monkeypatch.setattr("lungline.cli.asking.sys", terminal)
    result = run("delete", JOB_ID)

    assert result.exit_code == 130
    assert result.stderr.splitlines()[-1] == "lungline: interrupted; nothing was done"


def test_ctrl_c_counts_from_the_first_moment() -> None:
    script = """
import builtins
real = builtins.__import__
def importing(name, *rest):
    if name == "rich.text":
        raise KeyboardInterrupt
    return real(name, *rest)
builtins.__import__ = importing
from lungline.cli import main
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (130, "lungline: interrupted\n")


@pytest.mark.parametrize(
    "command", [("jobs",), ("status", JOB_ID), ("results", JOB_ID), ("results", JOB_ID, "--json")]
)
def test_standard_output_on_a_full_disk_is_one_line(command: tuple[str, ...]) -> None:
    listed = {"items": [job_wire("succeeded")], "next": None}
    with scripted(Answer(listed if "jobs" in command else job_wire("succeeded"))) as service:
        words = [sys.executable, "-m", "lungline", *command, "--url", service.url]
        with open("/dev/full", "wb") as full:
            done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True)

    assert done.returncode == 4
    assert len(done.stderr.splitlines()) == 1
    assert "make room on that disk" in done.stderr


def test_ctrl_c_leaves_the_file_as_it_was(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "findings.csv"
    path.write_text("old")

    result = run("results", JOB_ID, "-o", path, answers=(Answer(b"new", first=ctrl_c),))

    assert (result.exit_code, path.read_text()) == (130, "old")
    assert f"{path} stays as it was" in "".join(result.stderr.splitlines())
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("command", ["pause", "resume", "cancel", "status", "watch"])
def test_json_is_the_job(run: Run, command: str) -> None:
    result = run(command, JOB_ID, "--json", answers=(ENDED,))

    assert json.loads(result.stdout)["id"] == JOB_ID


def test_json_of_the_others(run: Run) -> None:
    changed = run("change", JOB_ID, "--name", "n", "--json", answers=(ENDED,))
    assert json.loads(changed.stdout)["id"] == JOB_ID
    assert json.loads(run("retry", JOB_ID, "--json", answers=(AGAIN,)).stdout)["id"] == JOB_ID
    gone = run("delete", JOB_ID, "--yes", "--json", answers=(Answer(b"", 204),))
    assert json.loads(gone.stdout) == {"deleted": JOB_ID}
    assert run("results", JOB_ID, "--json", answers=(Answer(b"{}\n"),)).stdout == "{}\n"


def test_completion_knows_commands_and_options() -> None:
    for words, wanted in (("lungline wa", "watch"), ("lungline watch --j", "--json")):
        asked = {"_LUNGLINE_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": "1"}
        if "--j" in words:
            asked["COMP_CWORD"] = "2"
        result = CliRunner().invoke(app, [], prog_name="lungline", env=asked)
        assert wanted in result.stdout.split()
