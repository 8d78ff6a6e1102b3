"""ROC and precision-recall curves: the two questions of the bundle, and each label by itself."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes

from ml.evaluation.curves import precision_recall_curve, roc_curve
from ml.evaluation.evaluate import Evaluation
from ml.evaluation.metrics import Flags, Floats
from ml.evaluation.statistics import (
    ANY_FINDING,
    ANY_PNEUMONIA,
    BACTERIAL,
    VIRAL,
    main_question,
)
from ml.evaluation.themes import Theme

_TITLES = {
    ANY_PNEUMONIA: "Any pneumonia, and of which kind",
    ANY_FINDING: "Any finding",
    "": "No label is normal",
}
Corner = Literal["lower left", "lower right"]


@dataclass(frozen=True, slots=True)
class _Question:
    """Something that films can be told apart by: both kinds present."""

    name: str
    positive: Flags
    score: Floats
    figures: Mapping[str, Any]


def draw_roc(evaluation: Evaluation, theme: Theme, axes: tuple[Axes, Axes]) -> None:
    """Draw ROC curves with their areas; a dot stands at the default operating point."""
    for ax in axes:
        ax.plot((0, 1), (0, 1), color=theme.faint, linestyle=":", linewidth=1)
    _draw(axes[0], theme, _main(evaluation), roc_curve, "auc")
    _draw(axes[1], theme, _by_label(evaluation), roc_curve, "auc")
    figures = evaluation.figures.get(main_question(evaluation.labels), {})
    if {"sensitivity", "specificity"} <= set(figures):
        _dot(axes[0], theme, 1 - figures["specificity"], figures["sensitivity"])
    names = ("1 - specificity", "sensitivity")
    _finish(evaluation, axes, names, "lower right", "area under the curve (95 %)")


def draw_precision_recall(evaluation: Evaluation, theme: Theme, axes: tuple[Axes, Axes]) -> None:
    """Draw precision-recall curves; a dotted line stands at the share of positive films."""
    for ax, ask in zip(axes, (_main, _by_label), strict=True):
        for question, colour in zip(ask(evaluation), theme.series, strict=False):
            share = float(np.mean(question.positive))
            ax.axhline(share, color=colour, linestyle=":", linewidth=1)
        _draw(ax, theme, ask(evaluation), precision_recall_curve, "average_precision")
    sick, called = evaluation.answers.sick, evaluation.answers.sick_called
    if main_question(evaluation.labels) and called.any() and sick.any():
        hits = float(np.sum(called & sick))
        _dot(axes[0], theme, hits / sick.sum(), hits / called.sum())
    names = ("recall (sensitivity)", "precision")
    _finish(evaluation, axes, names, "lower left", "average precision (95 %)")


def _main(evaluation: Evaluation) -> Iterator[_Question]:
    answers, figures = evaluation.answers, evaluation.figures
    if main := main_question(evaluation.labels):
        named = (main.replace("_", " "), answers.sick, answers.sick_probability)
        yield from _posed(*named, figures[main])
    labels = list(evaluation.labels)
    if "bacterial_against_viral" not in figures:
        return
    one, other = labels.index(BACTERIAL), labels.index(VIRAL)
    either = answers.take((answers.truth == one) | (answers.truth == other))
    lean = either.probability[:, one] - either.probability[:, other]
    named = ("bacterial against viral", either.truth == one, lean)
    yield from _posed(*named, figures["bacterial_against_viral"])


def _by_label(evaluation: Evaluation) -> Iterator[_Question]:
    known = evaluation.answers.take(evaluation.answers.truth >= 0)
    for index, label in enumerate(evaluation.labels):
        figures = evaluation.figures["by_label"][label]
        name = label.replace("_", " ")
        yield from _posed(name, known.truth == index, known.probability[:, index], figures)


def _posed(
    name: str, positive: Flags, score: Floats, figures: Mapping[str, Any]
) -> Iterator[_Question]:
    if positive.any() and not positive.all():
        yield _Question(name, positive, score, figures)


def _draw(
    ax: Axes,
    theme: Theme,
    questions: Iterator[_Question],
    curve: Callable[[Flags, Floats], tuple[Floats, Floats]],
    area: str,
) -> None:
    for question, colour in zip(questions, theme.series, strict=False):
        x, y = curve(question.positive, question.score)
        text = f"{question.name}  {_interval(question.figures, area)}"
        ax.plot(x, y, color=colour, linewidth=2, label=text)


def _interval(figures: Mapping[str, Any], name: str) -> str:
    text = f"{figures[name]:.3f}"
    if f"{name}_ci95" not in figures:
        return text
    low, high = figures[f"{name}_ci95"]
    return f"{text} ({low:.3f} to {high:.3f})"


def _dot(ax: Axes, theme: Theme, x: float, y: float) -> None:
    ax.plot(x, y, "o", color=theme.ink, markersize=6, zorder=5, label="default threshold")


def _finish(
    evaluation: Evaluation,
    axes: tuple[Axes, Axes],
    names: tuple[str, str],
    place: Corner,
    area: str,
) -> None:
    main = _TITLES[main_question(evaluation.labels)]
    titles = (main, "Each label against all others")
    for ax, title in zip(axes, titles, strict=True):
        ax.set(title=title, xlabel=names[0], ylabel=names[1], aspect="equal")
        ax.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
        ax.grid(visible=True)
        if ax.get_legend_handles_labels()[0]:
            ax.legend(loc=place, title=area, fontsize=8.5, title_fontsize=8.5)
