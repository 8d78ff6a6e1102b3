"""The report of an evaluation: JSON for programs, one HTML page for people, a line a film."""

import csv
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ml.bundle import Bundle
from ml.evaluation.evaluate import Evaluation
from ml.evaluation.pages import inline, render
from ml.evaluation.plots import PLOTS
from ml.evaluation.statistics import main_question
from ml.evaluation.tables import Row, rows

_TEMPLATE = Path(__file__).parent / "report.html.j2"
_HEADLINE = (
    *("any_pneumonia", "any_finding", "bacterial_against_viral"),
    *("labels", "lungs", "gate"),
)
_TITLES = {
    "any_pneumonia": "Any pneumonia against normal, at the default threshold",
    "any_finding": "Any finding against normal, at the default threshold",
    "bacterial_against_viral": "Bacterial against viral, by the more probable",
    "labels": "All labels, by the most probable",
    "lungs": "Lungs",
    "gate": "Out-of-distribution gate",
}
_NAMES = {
    "auc": "AUC",
    "macro_f1": "macro F1",
    "two_lungs_share": "films with two lungs found",
    "area_share_mean": "mean lung area, share of the film",
    "human_area_share_mean": "the same, as drawn by a person",
    "dice_mean": "Dice, mean",
    "dice_p5": "Dice, 5th percentile",
    "iou_mean": "IoU, mean",
    "iou_p5": "IoU, 5th percentile",
    "films_by_count.0": "films with no lung found",
    "films_by_count.1": "films with one lung found",
    "films_by_count.2": "films with two lungs found",
    "in_distribution_share": "films let in",
}
Pictures = Mapping[str, Mapping[str, Path]]


def write_json(
    path: Path, bundle: Bundle, context: Mapping[str, str], figures: Mapping[str, Any]
) -> None:
    """Write figures with what they are figures of.

    Args:
        path: The file; its folder is made.
        bundle: What was judged.
        context: On what and how: data, split, runtime, precision.
        figures: As `ml.evaluation.figures` computes them.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"bundle": bundle.key, "checksum": bundle.checksum, **context, "figures": figures}
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def write_html(
    path: Path,
    bundle: Bundle,
    context: Mapping[str, str],
    evaluation: Evaluation,
    plots: Pictures,
    sheets: Mapping[str, Path],
) -> None:
    """Write one page that needs no other file and no network.

    Args:
        path: The file.
        bundle: What was judged.
        context: On what and how.
        evaluation: The figures.
        plots: PNG files by plot and theme.
        sheets: PNG files by name.
    """
    figures = evaluation.figures
    page = render(
        _TEMPLATE,
        bundle=bundle,
        context=context,
        figures=figures,
        main=main_question(evaluation.labels),
        headline=[(_TITLES[name], _plain(figures[name])) for name in _HEADLINE if name in figures],
        by_label=figures.get("by_label", {}),
        subgroups=figures.get("subgroups", {}),
        plots=[
            (PLOTS[name][0], {theme: inline(file) for theme, file in files.items()})
            for name, files in plots.items()
        ],
        sheets={name: inline(file) for name, file in sheets.items()},
    )
    path.write_text(page, encoding="utf-8")


def write_films(path: Path, evaluation: Evaluation) -> None:
    """Write a line for each film: truth, probabilities, Dice. Stays with whoever has the films."""
    answers, labels = evaluation.answers, list(evaluation.labels)
    names = [*labels, "pneumonia"]
    with path.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines)
        writer.writerow(["image", "patient", "true", "said", *labels, "dice", "lungs"])
        for place, film in enumerate(evaluation.films):
            shown = [film.image, film.patient, names[film.label], labels[answers.said[place]]]
            probabilities = [f"{p:.5f}" for p in answers.probability[place]]
            dice = "" if film.mask is None else f"{answers.dice[place]:.4f}"
            writer.writerow([*shown, *probabilities, dice, answers.lung_count[place]])


def _plain(figures: Mapping[str, Any]) -> list[Row]:
    """Give the figures of one group that are numbers, by names for people."""
    return [
        replace(row, name=_NAMES.get(row.name, row.name.replace("_", " ")))
        for row in rows(figures)
        if isinstance(row.value, int | float)
    ]
