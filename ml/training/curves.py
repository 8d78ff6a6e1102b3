"""The curves of a run: how loss and scores went, epoch by epoch."""

from pathlib import Path
from typing import Any

from ml.evaluation.themes import LIGHT, Theme, new_figure

FILE = "curves.png"
_GUIDES = ("loss", "log_loss")  # drawn on the left; all else lies in 0..1


def draw_curves(history: list[dict[str, Any]], path: Path, theme: Theme = LIGHT) -> None:
    """Draw losses on the left, scores on the right; a dotted line where the input size changed.

    Args:
        history: Rows as `RunFolder.history` gives them: `epoch`, maybe `size`, and figures.
        path: The PNG to write.
        theme: Colours.
    """
    epochs = [int(float(row["epoch"])) for row in history]
    sizes = [row.get("size") for row in history]
    changes = [
        at - 0.5
        for at, new, old in zip(epochs[1:], sizes[1:], sizes[:-1], strict=True)
        if new != old
    ]
    names = [name for name in history[0] if name not in ("epoch", "size")]
    losses = [name for name in names if name.endswith(_GUIDES)]
    with new_figure(theme, 11, 4.2) as figure:
        for place, title, drawn in (
            (1, "Loss", losses),
            (2, "Scores", [name for name in names if name not in losses]),
        ):
            ax = figure.add_subplot(1, 2, place)
            for number, name in enumerate(drawn):
                colour = theme.series[number % len(theme.series)]
                style = "-" if number < len(theme.series) else "--"
                values = [float(row[name]) for row in history]
                ax.plot(epochs, values, style, marker=".", color=colour, label=name)
            for change in changes:
                ax.axvline(change, linestyle=":", color=theme.faint)
            ax.set(title=title, xlabel="epoch")
            ax.grid(visible=True)
            ax.legend(fontsize="small")
        figure.savefig(path)
