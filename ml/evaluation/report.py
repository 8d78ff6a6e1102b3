"""Where figures go: a table for the terminal, JSON, and the log of scorings."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from ml.bundle import Bundle

SCORINGS_HEADER = """# Scorings of test parts

Each time a bundle is scored on the test part of a data set, `python -m ml evaluate` adds a line
here, so that nobody can choose among many scorings without its being seen.

| date (UTC) | bundle | checksum when scored | runtime | films | AUC any pneumonia | accuracy \
| sensitivity | specificity | AUC bacterial/viral | macro F1 | calibration error | Dice |
|---|---|---|---|---|---|---|---|---|---|---|---|---|
"""


def table(figures: dict[str, Any]) -> str:
    """Lay figures out as aligned lines, one figure each."""
    rows = list(_flatten(figures))
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)


def write_json(path: Path, bundle: Bundle, context: dict[str, str], figures: Any) -> None:
    """Write figures with what they are figures of."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"bundle": bundle.key, "checksum": bundle.checksum, **context, "figures": figures}
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def log_scoring(
    path: Path, bundle: Bundle, runtime: str, figures: dict[str, Any], now: datetime
) -> None:
    """Add a line to the log of scorings, which is made where it is not there."""
    any_, pair = figures["any_pneumonia"], figures["bacterial_against_viral"]
    cells = [
        now.strftime("%Y-%m-%d %H:%M"),
        bundle.key,
        f"`{bundle.checksum[:16]}`",
        runtime,
        figures["films"],
        *(any_[name] for name in ("auc", "accuracy", "sensitivity", "specificity")),
        pair["auc"],
        figures["labels"]["macro_f1"],
        figures["labels"]["calibration_error"],
        figures["lungs"].get("dice_mean", ""),
    ]
    if not path.exists():
        path.write_text(SCORINGS_HEADER, encoding="utf-8")
    with path.open("a", encoding="utf-8") as log:
        log.write("| " + " | ".join(str(cell) for cell in cells) + " |\n")


def _flatten(figures: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in figures.items():
        if name == "confusion":
            for label, row in zip(value["order"], value["rows_true"], strict=True):
                yield f"{prefix}true {label} -> {', '.join(value['order'])}", row
        elif isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
