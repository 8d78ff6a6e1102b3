"""Reliability: do 8 of 10 films show what is said of them with a probability of 0.8?"""

from matplotlib.axes import Axes

from ml.evaluation.curves import reliability
from ml.evaluation.evaluate import Evaluation
from ml.evaluation.metrics import Flags, Floats
from ml.evaluation.statistics import main_question
from ml.evaluation.themes import Theme

_BAR_HEIGHT = 0.22
"""Of the axis, for the bin that holds most films."""


def draw_reliability(evaluation: Evaluation, theme: Theme, axes: tuple[Axes, Axes]) -> None:
    """Draw what came true against what was said, and how many films each dot stands for."""
    answers, figures = evaluation.answers, evaluation.figures
    if main := main_question(evaluation.labels):
        error = figures[main].get("calibration_error")
        _draw(axes[0], theme, answers.sick, answers.sick_probability, error)
    title = main.replace("_", " ").capitalize() or "No label is normal"
    axes[0].set(title=title, xlabel="probability said", ylabel="share that came true")
    known = answers.take(answers.truth >= 0)
    axes[1].set(title="The most probable label", xlabel="probability said")
    if len(known):
        right, top = known.said == known.truth, known.probability.max(axis=1)
        _draw(axes[1], theme, right, top, figures["labels"].get("calibration_error"))


def _draw(
    ax: Axes, theme: Theme, happened: Flags, probability: Floats, error: float | None
) -> None:
    points = reliability(happened, probability)
    heights = _BAR_HEIGHT * points.films / points.films.max()
    ax.bar(points.said, heights, width=0.035, color=theme.faint, label="films in the bin")
    ax.plot((0, 1), (0, 1), color=theme.ink, linestyle=":", linewidth=1, label="perfect")
    text = "came true" if error is None else f"came true, calibration error {error:.3f}"
    ax.plot(points.said, points.true, "o-", color=theme.series[0], linewidth=2, label=text)
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.01, 1.02), aspect="equal")
    ax.grid(visible=True)
    ax.set_axisbelow(True)
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=3, fontsize=8.5, frameon=False)
