"""How plots look on light and on dark paper."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours of a plot, as `#rrggbb`.

    Attributes:
        name: `light` or `dark`.
        paper: Behind everything.
        ink: Letters, axes, the main curve.
        faint: Grid and guides.
        series: Of further curves, told apart with any kind of colour blindness (Okabe and Ito).
    """

    name: str
    paper: str
    ink: str
    faint: str
    series: tuple[str, ...]


LIGHT = Theme(
    "light", "#ffffff", "#1c2330", "#c9ced6", ("#0072b2", "#d55e00", "#009e73", "#a0528b")
)
DARK = Theme("dark", "#14181f", "#e4e8ee", "#3d4654", ("#56b4e9", "#f0924a", "#2fc79a", "#dd9bc8"))
THEMES = (LIGHT, DARK)
DPI = 110


@contextmanager
def new_figure(theme: Theme, width: float, height: float) -> Iterator[Figure]:
    """Make a figure (inches) in a theme, rendered by Agg; no window, no global state."""
    with mpl.rc_context(_settings(theme)):
        figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
        FigureCanvasAgg(figure)
        yield figure


def _settings(theme: Theme) -> dict[Any, Any]:
    inked = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color")
    return {
        **dict.fromkeys(inked, theme.ink),
        "figure.facecolor": theme.paper,
        "savefig.bbox": "tight",
        "savefig.pad_inches": 0.15,
        "axes.facecolor": theme.paper,
        "savefig.facecolor": theme.paper,
        "legend.facecolor": theme.paper,
        "legend.edgecolor": theme.faint,
        "grid.color": theme.faint,
        "grid.linewidth": 0.6,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": 11,
        "axes.titleweight": "bold",
        "font.family": "DejaVu Sans",
        "font.size": 9.5,
    }
