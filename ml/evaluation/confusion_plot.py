"""What films are, against what is said of them."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LinearSegmentedColormap
from numpy.typing import NDArray

from ml.evaluation.evaluate import Evaluation
from ml.evaluation.metrics import confusion
from ml.evaluation.statistics import main_question
from ml.evaluation.themes import Theme


def draw_confusion(evaluation: Evaluation, theme: Theme, axes: tuple[Axes, Axes]) -> None:
    """Draw counts by truth (rows) and answer (columns), coloured by share of the row."""
    answers = evaluation.answers
    if main := main_question(evaluation.labels):
        pair = confusion(answers.sick.astype(int), answers.sick_called.astype(int), 2)
        _draw(axes[0], theme, pair, ("normal", main.replace("_", " ")))
        axes[0].set_title("At the default threshold")
    counts = np.array(evaluation.figures["labels"]["confusion"]["rows_true"])
    names = [label.removesuffix("_pneumonia").replace("_", " ") for label in evaluation.labels]
    _draw(axes[1], theme, counts, names)
    axes[1].set_title("By the most probable label")


def _draw(ax: Axes, theme: Theme, counts: NDArray[np.int64], names: Sequence[str]) -> None:
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    colours = LinearSegmentedColormap.from_list("counts", [theme.paper, theme.series[0]])
    ax.imshow(shares, cmap=colours, vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        text = f"{counts[row, column]}\n{share:.0%}"
        ink = _readable(colours, float(share))
        ax.text(column, row, text, ha="center", va="center", color=ink, fontsize=11)
    ax.set_xticks(range(len(names)), labels=names)
    ax.set_yticks(range(len(names)), labels=names, rotation=90, va="center")
    ax.set_xlabel("said", labelpad=8)
    ax.set_ylabel("true", labelpad=8)
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set(visible=True, color=theme.faint)


def _readable(colours: Colormap, share: float) -> str:
    """Black or white, whichever stands out from the cell's colour."""
    red, green, blue, _ = colours(share)
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "white"
