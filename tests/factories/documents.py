"""What README and docs show to be typed: their blocks of code, and the commands in those."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from tests.fixtures.parts import REPOSITORY

PAGES = [
    path.relative_to(REPOSITORY).as_posix()
    for pattern in ("*.md", "docs/*.md", "docs/*/*.md")
    for path in sorted(REPOSITORY.glob(pattern))
]
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`((?:lungline|python -m \w+|gunicorn) [^`]+)`")
_REDIRECTION = re.compile(r"\s>\s*\S+")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of code.

    Attributes:
        page: Relative to the checkout.
        language: As the fence names it; empty: none.
        text: What is in it.
    """

    page: str
    language: str
    text: str

    @property
    def commands(self) -> list[str]:
        """Its commands, one line each, without comments."""
        lines = self.text.replace("\\\n", " ").splitlines()
        return [line for each in lines if (line := re.sub(r"(^|\s)#.*", "", each).strip())]


def text_of(page: str) -> str:
    """The text of a page."""
    return (REPOSITORY / page).read_text(encoding="utf-8")


def blocks(*languages: str) -> list[Block]:
    """The fenced blocks of all pages in these languages; none named: in all."""
    found = [Block(page, *found) for page in PAGES for found in _BLOCK.findall(text_of(page))]
    return [block for block in found if not languages or block.language in languages]


def commands_in_sentences() -> list[str]:
    """Whole commands that stand in the middle of a sentence or a table, with something behind."""
    outside = "\n".join(_BLOCK.sub("", text_of(page)) for page in PAGES)
    return sorted({" ".join(span.split()) for span in _SPAN.findall(outside)})


def words_of(command: str) -> list[str]:
    """A command's words, without where its output goes."""
    return shlex.split(_REDIRECTION.sub("", command))
