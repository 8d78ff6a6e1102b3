"""Pictures in a terminal: two pixels in each cell, one above the other."""

from __future__ import annotations

from rich.color import Color
from rich.console import Console
from rich.style import Style
from rich.text import Text

from lungline.cli.png import Picture, Pixel

HALF = "▀"  # its foreground is the upper pixel, its background the lower
LEAST_SIDE, MOST_SIDE = 16, 160
LINES_OF_WORDS = 10
BLACK: Pixel = (0, 0, 0)


def side_for(console: Console) -> int | None:
    """Longest side in pixels of a picture that fits; None where the terminal has no true colour."""
    if not console.is_terminal or console.color_system != "truecolor":
        return None
    fits = min(console.width, 2 * (console.height - LINES_OF_WORDS))
    return max(LEAST_SIDE, min(fits, MOST_SIDE))


def half_blocks(picture: Picture) -> Text:
    """Draw a picture; one of an odd height ends on black."""
    text = Text(no_wrap=True, end="")
    for top in range(0, picture.height, 2):
        upper = picture.rows[top]
        lower = picture.rows[top + 1] if top + 1 < picture.height else [BLACK] * picture.width
        for above, below in zip(upper, lower, strict=True):
            text.append(HALF, Style(color=Color.from_rgb(*above), bgcolor=Color.from_rgb(*below)))
        text.append("\n")
    return text
