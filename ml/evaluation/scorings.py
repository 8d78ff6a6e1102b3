"""The log of scorings of test parts: every one leaves a line."""

from datetime import datetime
from pathlib import Path
from typing import Any

from ml.bundle import Bundle

HEADER = """# Scorings of test parts

Each time a bundle is scored on the test part of a data set, `python -m ml evaluate` adds a line
here, so that nobody can choose among many scorings without its being seen.

| date (UTC) | bundle | checksum when scored | data | runtime | films | AUC any pneumonia \
| accuracy | sensitivity | specificity | AUC bacterial/viral | macro F1 | calibration error | Dice |
|---|---|---|---|---|---|---|---|---|---|---|---|---|---|
"""


def log_scoring(
    path: Path,
    bundle: Bundle,
    context: dict[str, str],
    figures: dict[str, Any],
    now: datetime,
) -> None:
    """Add a line to the log of scorings, which is made where it is not there.

    Args:
        path: The log.
        bundle: As it was scored.
        context: `data`, `runtime` and `precision`.
        figures: As `ml.evaluation.figures` computes them.
        now: The time of the scoring, UTC.
    """
    any_ = figures.get("any_pneumonia") or figures.get("any_finding", {})
    labels = figures.get("labels", {})
    cells = [
        now.strftime("%Y-%m-%d %H:%M"),
        bundle.key,
        f"`{bundle.checksum[:16]}`",
        context["data"],
        f"{context['runtime']} {context['precision']}",
        figures["films"],
        *(any_.get(name, "") for name in ("auc", "accuracy", "sensitivity", "specificity")),
        figures.get("bacterial_against_viral", {}).get("auc", ""),
        labels.get("macro_f1", ""),
        labels.get("calibration_error", ""),
        figures["lungs"].get("dice_mean", ""),
    ]
    if not path.exists():
        path.write_text(HEADER, encoding="utf-8")
    with path.open("a", encoding="utf-8") as log:
        log.write("| " + " | ".join(str(cell) for cell in cells) + " |\n")
