"""Numbers for people, and names as they are."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from typer.testing import CliRunner

from lungline.cli.app import app
from lungline.cli.console import amount, duration, output, size, tell
from lungline.cli.findings import Findings, show_findings
from lungline.cli.printing import print_words
from lungline.cli.progress import sending
from tests.factories.scripted import Answer, job_wire, scripted

ODD_NAME = "A:x:17 [ward:on:3] [bold]b[/bold].dcm"
"""What rich would take for emoji and markup, if it were let."""


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 KB"), (2.5e12, "2.5 TB")]
)
def test_sizes(count: float, words: str) -> None:
    assert size(count) == words


def test_amounts() -> None:
    assert [amount(count, "film") for count in (0, 1, 1560)] == ["0 films", "1 film", "1,560 films"]


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_names_are_listed_as_they_are(options: list[str]) -> None:
    job = job_wire() | {"name": ODD_NAME}
    entry = {"outcome": "accepted", "name": ODD_NAME, "duplicate_of": None, "error": None}
    pages = [Answer({"items": [item], "next": None}) for item in (job, entry)]
    with scripted(*pages) as service:
        where = [*options, "--url", service.url]
        listed = CliRunner().invoke(app, ["jobs", *where]).stdout
        entries = CliRunner().invoke(app, ["entries", job["id"], *where]).stdout

    if options:
        assert [json.loads(text)["name"] for text in (listed, entries)] == [ODD_NAME] * 2
    else:
        assert listed.endswith(f"  ({ODD_NAME})\n")
        assert entries.endswith(f"  {ODD_NAME}\n")


def test_names_stand_in_tables_and_notes_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    findings = Findings()
    findings.add({"name": ODD_NAME, "status": "failed", "error_reason": ODD_NAME})
    show_findings(output(), findings)
    said = capsys.readouterr().out
    assert said.count(ODD_NAME) == 2

    for write in (print_words, tell, output().print):
        assert _written(write, capsys) == ODD_NAME


def _written(write: Callable[[str], None], capsys: pytest.CaptureFixture[str]) -> str:
    write(ODD_NAME)
    return "".join(capsys.readouterr()).rstrip("\n")


def test_the_name_of_an_archive_is_told_as_it_is_while_it_is_sent(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("FORCE_COLOR", "1"), ("TERM", "xterm"), ("COLUMNS", "160")):
        monkeypatch.setenv(name, value)
    with sending(ODD_NAME, 100):
        pass

    assert f"Sending {ODD_NAME}" in capsys.readouterr().err
