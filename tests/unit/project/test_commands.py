"""Every command that README and docs show is one: its words and options exist."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import typer

import ml.__main__
import storage.__main__
import workers.__main__
from lungline.cli.app import app
from tests.factories.documents import blocks, commands_in_sentences, words_of

ASSIGNMENT = re.compile(r"^(?:export )?\w+=")
ELSEWHERE = {"curl", "gunicorn"}  # what they are told is tried out by running them
LEFT_OUT = {"MissingParameter", "BadOptionUsage", "NoArgsIsHelpError"}
OF_THE_SHELL = {"--install-completion", "--show-completion"}  # they act when they are read
TYPER = {"lungline": typer.main.get_command(app), "ml": typer.main.get_command(ml.__main__.app)}
ARGPARSE: dict[str, Callable[[], Any]] = {
    "storage": storage.__main__._parser,
    "workers": workers.__main__._parser,
}
IN_BLOCKS = [
    (block.page, command)
    for block in blocks("sh")
    for command in block.commands
    if not ASSIGNMENT.match(command)
]


def read(command: Any, words: list[str]) -> None:
    """Let Typer read the words of a command without running it."""
    context = command.make_context("command", words)
    if hasattr(command, "resolve_command"):
        _, chosen, rest = command.resolve_command(
            context, [*context._protected_args, *context.args]
        )
        read(chosen, rest)


def check(words: list[str]) -> None:
    """Raise unless a program of ours takes these words."""
    program, rest = words[0], words[1:]
    if program == "python":
        assert rest[0] == "-m"
        program, rest = rest[1], rest[2:]
    if program in ELSEWHERE:
        return
    if program in ARGPARSE:
        ARGPARSE[program]().parse_args(rest)
    elif rest[:1] and rest[0] in OF_THE_SHELL:
        assert any(rest[0] in each.opts for each in TYPER[program].params)
    else:
        with suppress(typer.Exit):  # --help
            read(TYPER[program], rest)


@pytest.mark.parametrize(("page", "command"), IN_BLOCKS)
def test_a_command_of_a_block_is_complete(page: str, command: str) -> None:
    check(words_of(command))


@pytest.mark.parametrize("command", commands_in_sentences())
def test_a_command_in_a_sentence_names_what_there_is(command: str) -> None:
    words = words_of(command.replace("COMMAND", "submit").replace("...", "x"))
    wrong: Exception | None = None
    try:
        check(words)
    except Exception as error:
        wrong = error
    # A sentence may leave out what a command is about, and nothing else.
    assert wrong is None or type(wrong).__name__ in LEFT_OUT, wrong


@pytest.mark.parametrize(
    "command", ["lungline submit films --nonsense", "lungline nonsense", "python -m ml train all"]
)
def test_what_there_is_not_is_found(command: str) -> None:
    with pytest.raises(Exception, match=r"No such (option|command)"):
        check(words_of(command))
