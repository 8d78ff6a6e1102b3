"""Plots of an evaluation: curves, reliability, confusion."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from ml.evaluation.confusion_plot import draw_confusion
from ml.evaluation.curve_plots import draw_precision_recall, draw_roc
from ml.evaluation.evaluate import Evaluation
from ml.evaluation.reliability_plot import draw_reliability
from ml.evaluation.themes import THEMES, Theme, new_figure

Draw = Callable[[Evaluation, Theme, tuple[Axes, Axes]], None]
_SIZE = (10.0, 4.9)

PLOTS: Mapping[str, tuple[str, Draw]] = {
    "roc": ("ROC curves", draw_roc),
    "precision_recall": (
        "Precision and recall; dotted is the share of positive films, what guessing gives",
        draw_precision_recall,
    ),
    "reliability": (
        "Reliability: what was said with a probability against what came true",
        draw_reliability,
    ),
    "confusion": ("Confusion: films, and their share of those that are truly so", draw_confusion),
}


def write_plots(evaluation: Evaluation, folder: Path) -> dict[str, dict[str, Path]]:
    """Draw all plots, each on light and on dark paper.

    Args:
        evaluation: What to show.
        folder: Made where it is not there; gets `NAME-light.png` and `NAME-dark.png`.

    Returns:
        The files by plot and theme.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return {
        name: {theme.name: _write(evaluation, name, theme, folder) for theme in THEMES}
        for name in PLOTS
    }


def _write(evaluation: Evaluation, name: str, theme: Theme, folder: Path) -> Path:
    path = folder / f"{name.replace('_', '-')}-{theme.name}.png"
    _, draw = PLOTS[name]
    with new_figure(theme, *_SIZE) as figure:
        axes: Any = figure.subplots(1, 2)
        draw(evaluation, theme, (axes[0], axes[1]))
        figure.savefig(path)
    return path
