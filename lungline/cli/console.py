"""Where the commands write: results to standard output, everything else to standard error."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from lungline.errors import LunglineError

WIDTH_OF_FILES = 120


def output() -> Console:
    """The console of what was asked for; wide enough for a table when it goes into a file."""
    console = _console()
    if not console.is_terminal:
        console.width = WIDTH_OF_FILES
    return console


def messages() -> Console:
    """The console of progress, notes and errors."""
    return _console(stderr=True)


def _console(*, stderr: bool = False) -> Console:
    """Prints texts as they are: what looks like markup or an emoji may be an id or a name."""
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False)


def tell(text: str, style: str = "") -> None:
    """Write a note; brackets in file names are not markup."""
    messages().print(Text(text, style=style), soft_wrap=True)


def tell_error(error: LunglineError) -> None:
    """Write an error: one line, then what a failed part said last."""
    tell(f"lungline: {one_line(error.message)}", style="red")
    for line in getattr(error, "log_lines", ()):
        tell(f"  | {line}", style="dim")


def one_line(text: str) -> str:
    """Fold a text into one line."""
    return " ".join(text.split())


def printable(text: str) -> str:
    """Leave out what would move the cursor: names come from files."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def amount(count: int, noun: str) -> str:
    """`1 film`, `2 films`, `1,560 films`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def size(count: float) -> str:
    """Bytes for people: `1.2 MB`."""
    for unit in ("B", "KB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def duration(seconds: float) -> str:
    """Seconds for people: `8 s`, `3 min 20 s`, `2 h 5 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
