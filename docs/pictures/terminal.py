"""What `make demo` prints, as a picture."""

from __future__ import annotations

import io
import re

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from lungline.cli.demo import SYNTHETIC_NOTE
from lungline.cli.findings import Findings, show_findings

COLUMNS = 80
_FONT_FACES = re.compile(r"@font-face \{.*?\}", re.DOTALL)


def terminal_page(findings: Findings) -> tuple[str, int, int]:
    """Draw the findings as a terminal shows them.

    Returns:
        A page, and the width and height of the terminal on it.
    """
    console = Console(
        record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="256"
    )
    console.print(Text("$ make demo", style="bold green"))
    show_findings(console, findings)
    console.print(SYNTHETIC_NOTE)
    svg = console.export_svg(title="make demo", theme=MONOKAI)
    svg = _FONT_FACES.sub("", svg)  # they would be fetched from elsewhere
    width, height = _size(svg)
    page = f"<!doctype html><style>body {{ margin: 0 }} svg {{ display: block }}</style>{svg}"
    return page, width, height


def _size(svg: str) -> tuple[int, int]:
    (view,) = re.findall(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    return round(float(view[0])), round(float(view[1]))
