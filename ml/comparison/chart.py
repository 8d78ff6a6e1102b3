"""A comparison as bars: macro F1 of each backbone on each recipe, with intervals over seeds."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ml.comparison.scoring import Score
from ml.evaluation.themes import THEMES, Theme, new_figure

NAME = "chart"


def write_charts(scores: Sequence[Score], folder: Path) -> list[Path]:
    """Draw `chart-light.png` and `chart-dark.png`; give their paths."""
    return [_write(scores, theme, folder / f"{NAME}-{theme.name}.png") for theme in THEMES]


def _write(scores: Sequence[Score], theme: Theme, path: Path) -> Path:
    backbones = list(dict.fromkeys(score.cell.backbone for score in scores))
    recipes = list(dict.fromkeys(score.cell.recipe for score in scores))
    width = 0.8 / len(recipes)
    with new_figure(theme, max(6.0, 2.2 * len(backbones)), 4.2) as figure:
        ax: Any = figure.subplots()
        for number, recipe in enumerate(recipes):
            shown = [score for score in scores if score.cell.recipe == recipe]
            places = [
                backbones.index(score.cell.backbone) + (number - (len(recipes) - 1) / 2) * width
                for score in shown
            ]
            ax.bar(
                places,
                [score.macro_f1 for score in shown],
                width=0.92 * width,
                color=theme.series[number % len(theme.series)],
                yerr=_errors(shown),
                error_kw={"ecolor": theme.ink, "elinewidth": 1.1, "capsize": 3},
                label=recipe,
            )
        ax.set_xticks(range(len(backbones)), backbones)
        ax.set(ylim=(0.0, 1.0), ylabel="macro F1 on validation films")
        ax.set_title("Mean over seeds, with its 95 % interval", loc="left")
        ax.grid(visible=True, axis="y")
        ax.set_axisbelow(True)
        ax.legend(frameon=False, ncols=len(recipes), loc="upper center")
        figure.savefig(path)
    return path


def _errors(shown: Sequence[Score]) -> list[list[float]]:
    """Give how far the intervals reach below and above the bars."""
    ends = [score.interval or (score.macro_f1, score.macro_f1) for score in shown]
    low = [score.macro_f1 - end[0] for score, end in zip(shown, ends, strict=True)]
    high = [end[1] - score.macro_f1 for score, end in zip(shown, ends, strict=True)]
    return [low, high]
