"""`lungline doctor`: what is wrong on this machine, and what to do about it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import typer
from rich.text import Text

from lungline.cli.app import app
from lungline.cli.console import one_line, output
from lungline.cli.exits import ExitCode
from lungline.cli.printing import JsonOption, json_line, print_words
from lungline.cli.service import UrlOption, connect
from lungline.errors import ConfigurationError, LunglineError
from lungline.settings import Settings, environment_of, load_settings
from lungline.stack.checkout import find_checkout

EXAMPLES = """Examples:

lungline doctor

lungline doctor --url https://films.example

lungline doctor --json | jq 'select(.ok | not)'
"""
SERVER_SECONDS = 120.0
"""A part that does not answer takes some seconds, a bundle's checksums on a slow disk more."""


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at.

    Attributes:
        name: One word.
        ok: Whether it is as it should be.
        says: What was found.
        todo: What to do about it; empty when nothing is needed.
    """

    name: str
    ok: bool
    says: str
    todo: str = ""


@app.command(epilog=EXAMPLES)
def doctor(as_json: JsonOption = False, url: UrlOption = None) -> None:
    """Check settings, broker, database, store, bundle, port, disk and the service itself.

    One line each, which says what to do. What the service runs on is checked where its checkout
    is; elsewhere the service alone. Exit code 1 when something is wrong.
    """
    wrong = False
    for check in _checks(url):
        wrong |= not check.ok
        if as_json:
            print_words(json_line(asdict(check)))
        else:
            output().print(_line(check), soft_wrap=True)
    raise typer.Exit(ExitCode.SERVICE if wrong else ExitCode.DONE)


def _line(check: Check) -> Text:
    mark, style = ("ok", "green") if check.ok else ("wrong", "red")
    words = one_line(check.says + (f": {check.todo}" if check.todo else ""))
    return Text(f"{mark:<6}", style=style).append(f"{check.name:<9} {words}", style="default")


def _checks(url: str | None) -> Iterator[Check]:
    try:
        settings = load_settings()
    except ConfigurationError as error:
        yield Check("settings", False, error.message, "nothing else can be checked before")
        return
    yield Check("settings", True, f"{len(settings.model_fields_set)} set, all usable")
    if url is None or url == settings.url:
        yield from _server_checks(settings)
    yield _service(url)


def _server_checks(settings: Settings) -> Iterator[Check]:
    """Ask the server's modules, which the clients may not import."""
    try:
        checkout = find_checkout()
    except ConfigurationError as error:
        yield Check("server", True, f"not checked, for {error.message.partition(';')[0]}")
        return
    try:
        done = subprocess.run(  # our own module
            [sys.executable, "-m", "workers.doctor"],
            cwd=checkout,
            env=environment_of(_from(checkout, settings)),
            capture_output=True,
            text=True,
            timeout=SERVER_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        yield Check("server", False, "its checks do not end", "look for a disk that hangs")
        return
    for line in done.stdout.splitlines():
        yield Check(**json.loads(line))
    if done.returncode:
        said = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        yield Check("server", False, said[0], "the checks themselves failed; report this line")


def _from(checkout: Path, settings: Settings) -> Settings:
    """The settings as `lungline up` would understand them, whose checks run in the checkout."""
    bundles = settings.bundles_dir
    if "bundles_dir" not in settings.model_fields_set:
        bundles = checkout / bundles
    here = {
        "data_dir": settings.data_dir.resolve(),
        "store_dir": settings.store_dir and settings.store_dir.resolve(),
        "bundles_dir": bundles.resolve(),
    }
    return settings.model_copy(update=here)


def _service(url: str | None) -> Check:
    try:
        with connect(url) as client:
            answer = client.readiness()
    except LunglineError as error:
        return Check("service", False, error.message)
    down = _down(answer)
    if down:
        return Check("service", False, f"it answers, but not its {down}", "see docs/operations.md")
    return Check("service", True, f"it answers at {client.url} and is ready")


def _down(answer: dict[str, Any]) -> str:
    parts = answer.get("parts", {})
    return ", ".join(name for name, state in parts.items() if state != "ok")
