"""Short runs that differ only in what of a film they are shown, side by side."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ml.training.classifier import train_classifier
from ml.training.runs import RunFolder
from ml.training.settings import ClassifierSettings
from ml.training.views import VIEWS

COLUMNS = {
    "val_auc_pneumonia": "AUC pneumonia",
    "perturbed_auc_pneumonia": "perturbed",
    "val_auc_bacterial": "AUC bacterial/viral",
    "perturbed_auc_bacterial": "perturbed",
}


def compare_views(
    data: Path,
    segmenter: Path,
    folder: Path,
    s: ClassifierSettings,
    show: Callable[[str], None] = print,
    train: Callable[..., None] = train_classifier,
) -> dict[str, dict[str, Any]]:
    """Train a run for each view, or continue it; give the last epoch of each.

    Args:
        data: Folder of the data set; only its train part is read.
        segmenter: The trained segmenter.
        folder: A run's folder is made in it for each view.
        s: Settings of all runs; their view is replaced.
        show: Takes each line of progress.
        train: Trains a run.
    """
    ended = {}
    for view in VIEWS:
        run = RunFolder(folder / view)
        show(f"view: {view}")
        settings = replace(s, view=view)
        train(data, segmenter, run, settings, show, prepared=folder / "prepared")
        ended[view] = run.history()[-1]
    return ended


def view_table(ended: dict[str, dict[str, Any]]) -> str:
    """Lay the runs out as a Markdown table of validation figures."""
    rows: list[Sequence[str]] = [
        ("view", *COLUMNS.values()),
        ("---", *("---" for _ in COLUMNS)),
        *(
            (view, *(f"{float(last[name]):.3f}" for name in COLUMNS))
            for view, last in ended.items()
        ),
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
