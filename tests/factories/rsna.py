"""Small data sets in the exact layout of the RSNA Pneumonia Detection Challenge."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.factories.nia import draw, write_dicom

CLASSES = ("Normal", "Lung Opacity", "No Lung Opacity / Not Normal")
BOXES = ((12.0, 20.0, 20.5, 30.0), (60.0, 22.0, 18.0, 28.0))


def write_rsna(folder: Path, films: int = 6) -> Path:
    """Write `films` films of each class; those of opacities have two boxes each."""
    (folder / "stage_2_train_images").mkdir(parents=True)
    labels: list[Sequence[Any]] = []
    classes: list[Sequence[str]] = []
    for kind, name in enumerate(CLASSES):
        for number in range(films):
            identifier = f"{kind:08x}-{number:04x}-4000-8000-000000000000"
            seed = 1000 * kind + number
            picture, _ = draw(seed, kind)
            file = folder / "stage_2_train_images" / f"{identifier}.dcm"
            told = {"PatientSex": "FM"[number % 2], "PatientAge": f"{number * 9:03}Y"}
            write_dicom(file, picture, PatientID=identifier, **told)
            boxes = BOXES if kind == 1 else (("", "", "", ""),)
            labels += [(identifier, *box, int(kind == 1)) for box in boxes]
            classes += [(identifier, name) for _ in boxes]
    header = ("patientId", "x", "y", "width", "height", "Target")
    write_table(folder / "stage_2_train_labels.csv", header, labels)
    write_table(folder / "stage_2_detailed_class_info.csv", ("patientId", "class"), classes)
    return folder


def write_table(path: Path, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Write a CSV table."""
    with path.open("w", newline="", encoding="utf-8") as lines:
        csv.writer(lines).writerows([header, *rows])


def add_row(path: Path, *cells: Any) -> None:
    """Add a row to a table."""
    with path.open("a", newline="", encoding="utf-8") as lines:
        csv.writer(lines).writerow(cells)
