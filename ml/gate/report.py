"""A gate's figures for a whole bundle: gathered, printed, recorded."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ml.analyzer import Analyzer
from ml.bundle import Bundle
from ml.evaluation.heldout import held_out
from ml.gate.judging import judge_gate
from ml.gate.pictures import of_dicom_folder, of_folder, packaged
from ml.images import read_grey
from ml.publish import record_figures

Show = Callable[[str], None]
ADULTS = ("adult_chest", "adult_films")
"""Reported apart: they are chest films, and a warning is what is asked for."""


def judge_bundle(
    analyzer: Analyzer, data: Path, dicom: Path | None, adults: Path | None, show: Show
) -> dict[str, Any]:
    """Judge a bundle's gate against the validation films of its split.

    Args:
        analyzer: With the bundle.
        data: The data set that the bundle was trained on.
        dicom: DICOM files of other body parts, see `of_dicom_folder`.
        adults: Chest films of adults.
        show: Takes lines of progress.

    Raises:
        ValueError: The bundle carries no gate, or does not say how its data were split.
    """
    if analyzer.gate is None:
        raise ValueError(f"{analyzer.bundle.path} carries no gate: publish it again")
    films = [read_grey(film.image) for film in held_out(analyzer.bundle, data).films]
    pictures = packaged() | (of_dicom_folder(dicom) if dicom else {})
    if adults:
        pictures["adult_films"] = of_folder(adults)
    alarms, kinds = judge_gate(analyzer.gate, analyzer.observe, films, pictures, show=show)
    rounded = [
        asdict(kind) | {"auroc": round(kind.auroc, 4), "caught": round(kind.caught, 4)}
        for kind in kinds
    ]
    return {
        "films": len(films),
        "false_alarms": round(alarms, 4),
        "kinds": {row.pop("kind"): row for row in rounded},
    }


def table(figures: dict[str, Any]) -> str:
    """Lay the figures out, a kind a line; adults last."""
    kinds = figures["kinds"]
    names = [name for name in kinds if name not in ADULTS]
    lines = [f"{'kind':<18} pictures   AUROC  caught"]
    lines += [_line(name, kinds[name]) for name in names]
    lines.append("chest films of adults, which are to be warned of:")
    lines += [_line(name, kinds[name]) for name in ADULTS if name in kinds]
    lines.append(f"false alarms: {figures['false_alarms']:.2%} of {figures['films']} real films")
    return "\n".join(lines)


def record(bundle: Bundle, figures: dict[str, Any]) -> Bundle:
    """Write the figures into the bundle's manifest and model card."""
    return record_figures(bundle, "outliers", figures)


def _line(name: str, row: dict[str, Any]) -> str:
    return f"{name:<18} {row['pictures']:8}  {row['auroc']:.4f}  {row['caught']:6.1%}"
