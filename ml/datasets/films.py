"""Labelled films as a data set's `manifest.csv` lists them."""

import csv
from dataclasses import dataclass
from pathlib import Path

LABELS = ("normal", "bacterial_pneumonia", "viral_pneumonia")
_BY_ETIOLOGY = {"none": 0, "bacteria": 1, "virus": 2}
_COLUMNS = {"image", "lung_mask", "etiology", "split", "patient_id"}


@dataclass(frozen=True, slots=True)
class LabelledFilm:
    """One film of a data set.

    Attributes:
        image: The film's file.
        mask: Its human-made lung mask, where there is one.
        label: Index into `LABELS`.
        patient: Whose film it is, within the data set.
        sure_mask: True where film and mask were paired by more than order and looks.
    """

    image: Path
    mask: Path | None
    label: int
    patient: str
    sure_mask: bool


def read_manifest(folder: Path, split: str) -> list[LabelledFilm]:
    """Read the films of one split, exact duplicates left out, in the manifest's order.

    Args:
        folder: The data set's folder, which holds `manifest.csv`.
        split: `train` or `test`.

    Raises:
        ValueError: The manifest is missing, lacks columns, or has no film of this split.
    """
    path = folder / "manifest.csv"
    if not path.is_file():
        raise ValueError(f"{path} is not there; --data must name a folder that holds manifest.csv")
    with path.open(newline="", encoding="utf-8") as lines:
        rows = csv.DictReader(lines)
        missing = _COLUMNS - set(rows.fieldnames or ())
        if missing:
            raise ValueError(f"{path} lacks the columns {', '.join(sorted(missing))}")
        chosen = [row for row in rows if row["split"] == split]
    if not chosen:
        raise ValueError(f"{path} lists no film of the split '{split}'")
    return [_film(folder, row) for row in chosen if split == "test" or not row.get("duplicate_of")]


def _film(folder: Path, row: dict[str, str]) -> LabelledFilm:
    if row["etiology"] not in _BY_ETIOLOGY:
        raise ValueError(f"{row['image']}: unknown etiology '{row['etiology']}'")
    return LabelledFilm(
        image=folder / row["image"],
        mask=folder / row["lung_mask"] if row["lung_mask"] else None,
        label=_BY_ETIOLOGY[row["etiology"]],
        patient=row["patient_id"],
        sure_mask=row.get("lung_mask_evidence", "").startswith("dims"),
    )
