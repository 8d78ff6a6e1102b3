"""Plots of a data set: classes, sizes, grey values, lungs."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes

from ml.datasets.counting import NOT_TOLD, in_order
from ml.datasets.records import Record
from ml.evaluation.themes import DARK, THEMES, Theme, new_figure
from ml.exploration.measuring import BINS, Measured

_WIDTH, _ROW, _LEAST = 12.0, 0.42, 4.0
_DASHES = ("-", "--", ":", "-.")
Draw = Callable[["Look", Theme, tuple[Axes, Axes]], None]


class Look:
    """What the plots show.

    Attributes:
        labels: The label set.
        films: All films.
        measured: Those that were opened.
    """

    def __init__(
        self, labels: Sequence[str], films: Sequence[Record], measured: Sequence[Measured]
    ) -> None:
        self.labels = labels
        self.films = films
        self.measured = measured

    def of(self, label: str) -> list[Measured]:
        """Give the measured films of a label."""
        return [one for one in self.measured if one.film.label == label]


def write_plots(look: Look, folder: Path) -> dict[str, dict[str, Path]]:
    """Draw all plots, each on light and on dark paper; give the files by title and theme."""
    folder.mkdir(parents=True, exist_ok=True)
    return {
        title: {theme.name: _write(look, name, draw, theme, folder) for theme in THEMES}
        for name, (title, draw) in PLOTS.items()
    }


def _write(look: Look, name: str, draw: Draw, theme: Theme, folder: Path) -> Path:
    path = folder / f"{name}-{theme.name}.png"
    height = max(_LEAST, 2.2 + _ROW * len(look.labels))
    with new_figure(theme, _WIDTH, height) as figure:
        axes: Any = figure.subplots(1, 2)
        draw(look, theme, (axes[0], axes[1]))
        figure.savefig(path)
    return path


def _classes(look: Look, theme: Theme, axes: tuple[Axes, Axes]) -> None:
    for ax, title, told in (
        (axes[0], "By age group", [film.age_group for film in look.films]),
        (axes[1], "By sex", [film.sex for film in look.films]),
    ):
        _stacked(ax, theme, look.labels, [film.label for film in look.films], told)
        ax.set(title=title, xlabel="films")
    axes[1].set_yticklabels([])


def _parts(look: Look, theme: Theme, axes: tuple[Axes, Axes]) -> None:
    labels = [film.label for film in look.films]
    _stacked(axes[0], theme, look.labels, labels, [film.split for film in look.films])
    axes[0].set(title="Films by split", xlabel="films")
    patients = sorted({(film.label, film.patient, film.split) for film in look.films})
    splits = [split for _, _, split in patients]
    _stacked(axes[1], theme, look.labels, [label for label, _, _ in patients], splits)
    axes[1].set(title="Patients by split", xlabel="patients", yticklabels=[])


def _sizes(look: Look, theme: Theme, axes: tuple[Axes, Axes]) -> None:
    colours = _colours(theme, len(look.labels))
    for label, colour in zip(look.labels, colours, strict=True):
        sizes = np.array([one.size for one in look.of(label)]).reshape(-1, 2)
        axes[0].scatter(
            sizes[:, 0],
            sizes[:, 1],
            s=9,
            color=colour,
            alpha=0.5,
            linewidths=0,
            label=_plain(label),
        )
    axes[0].set(title="Sizes of the originals", xlabel="width, pixels", ylabel="height, pixels")
    axes[0].set(xlim=(0, None), ylim=(0, None))
    axes[0].grid(visible=True)
    _legend(axes[0])
    ratios = [[one.size[0] / one.size[1] for one in look.of(label)] for label in look.labels]
    _boxes(axes[1], theme, look.labels, ratios)
    axes[1].set(title="Aspect ratio", xlabel="width / height")


def _grey(look: Look, theme: Theme, axes: tuple[Axes, Axes]) -> None:
    centres = (np.arange(BINS) + 0.5) * (256 / BINS)
    colours = _colours(theme, len(look.labels))
    for place, (label, colour) in enumerate(zip(look.labels, colours, strict=True)):
        if own := look.of(label):
            shares = 100 * np.mean([one.grey for one in own], axis=0)
            dash = _DASHES[place % len(_DASHES)]
            axes[0].plot(centres, shares, dash, color=colour, linewidth=1.8, label=_plain(label))
    axes[0].set(title="Grey values, mean of the films", xlabel="grey value", ylabel="% of pixels")
    axes[0].set(xlim=(0, 256), ylim=(0, None))
    axes[0].grid(visible=True)
    _legend(axes[0])
    _boxes(axes[1], theme, look.labels, [[one.mean for one in look.of(x)] for x in look.labels])
    axes[1].set(title="Mean grey value of each film", xlabel="grey value")


def _lungs(look: Look, theme: Theme, axes: tuple[Axes, Axes]) -> None:
    shares = [
        [100 * one.lung_share for one in look.of(label) if one.lung_share is not None]
        for label in look.labels
    ]
    _boxes(axes[0], theme, look.labels, shares)
    axes[0].set(title="Lung mask, share of the film", xlabel="% of the film")
    labels = [one.film.label for one in look.measured]
    found = ["no mask" if one.lungs is None else str(one.lungs) for one in look.measured]
    _stacked(axes[1], theme, look.labels, labels, found)
    axes[1].set(title="Lungs in the mask", xlabel="films", yticklabels=[])


PLOTS: Mapping[str, tuple[str, Draw]] = {
    "classes": ("Classes by age group and sex", _classes),
    "splits": ("Classes by split", _parts),
    "sizes": ("Sizes and aspect ratios of the originals", _sizes),
    "grey": ("Grey values of each class", _grey),
    "lungs": ("How much of each film its lung mask covers", _lungs),
}
"""Title and drawing by the name of the file."""


def _stacked(
    ax: Axes,
    theme: Theme,
    labels: Sequence[str],
    rows: Sequence[str],
    told: Sequence[str | None],
) -> None:
    """Draw a bar for each label, put together from counts of what is told."""
    counts = Counter(zip(rows, (name or NOT_TOLD for name in told), strict=True))
    names = in_order({name for _, name in counts})
    places, left = np.arange(len(labels)), np.zeros(len(labels))
    for name, colour in zip(names, _colours(theme, len(names)), strict=True):
        lengths = np.array([counts[label, name] for label in labels])
        colour = theme.faint if name == NOT_TOLD else colour
        ax.barh(places, lengths, left=left, color=colour, edgecolor=theme.paper, label=name)
        left += lengths
    _name_rows(ax, labels)
    _legend(ax)


def _boxes(
    ax: Axes, theme: Theme, labels: Sequence[str], values: Sequence[Sequence[float]]
) -> None:
    """Draw median, quartiles, 5th and 95th percentile for each label."""
    lines = {"color": theme.ink}
    ax.boxplot(
        [list(own) for own in values],
        positions=range(len(labels)),
        orientation="horizontal",
        whis=(5, 95),
        showfliers=False,
        patch_artist=True,
        boxprops={"facecolor": theme.series[0], "edgecolor": theme.ink},
        medianprops={"color": theme.series[1], "linewidth": 2},
        whiskerprops=lines,
        capprops=lines,
    )
    ax.grid(visible=True, axis="x")
    _name_rows(ax, labels)


def _name_rows(ax: Axes, labels: Sequence[str]) -> None:
    ax.set_yticks(range(len(labels)), labels=[_plain(label) for label in labels])
    ax.set_ylim(len(labels) - 0.4, -0.6)
    ax.set_axisbelow(True)


def _legend(ax: Axes) -> None:
    ax.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, -0.16),
        ncols=3,
        fontsize=8.5,
        frameon=False,
        markerscale=2.0,
    )


def _plain(label: str) -> str:
    return label.replace("_", " ")


def _colours(theme: Theme, count: int) -> list[Any]:
    if count <= len(theme.series):
        return list(theme.series[:count])
    scale = mpl.colormaps["viridis"]
    # The ends of the scale that would sink into the paper are left out.
    first, last = (0.3, 1.0) if theme is DARK else (0.0, 0.85)
    return [scale(share) for share in np.linspace(first, last, count)]
