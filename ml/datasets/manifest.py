"""Data sets that list their films in `manifest.csv`."""

from collections.abc import Sequence
from pathlib import Path

from ml.datasets.films import LABELS, PNEUMONIA, LabelledFilm
from ml.datasets.labels import known_names, label_index
from ml.datasets.people import age_group_of, sex_of
from ml.datasets.tables import Row, read_table

MANIFEST = "manifest.csv"
PREDICTED = "predicted"
"""In `lung_mask_evidence`: a network drew the mask, so it is no truth to train or judge one on."""
NEEDED = ({"image", "file"}, {"etiology", "label"})


def read_manifest(
    folder: Path,
    split: str | None,
    labels: Sequence[str] = LABELS,
    *,
    kind_unknown: bool = False,
) -> list[LabelledFilm]:
    """Read the films of one split, in the manifest's order.

    Columns: `image` or `file` (path within the folder) and `etiology` or `label` must be there;
    `split`, `patient_id`, `lung_mask`, `lung_mask_evidence`, `duplicate_of`, `sex`, `age`,
    `age_group`, `orig_width`, `orig_height` are read where they are. Exact duplicates are left
    out of all parts but `test`; masks that a network drew are passed over.

    Args:
        folder: The data set's folder, which holds `manifest.csv`.
        split: As the column `split` names it; None for all films.
        labels: The label set that the films' labels are indices into.
        kind_unknown: Take films of pneumonia whose kind is not told; else they are an error.

    Raises:
        ValueError: The manifest is missing, lacks columns, has no film of this split, or names a
            label that is not in the label set.
    """
    path = folder / MANIFEST
    chosen = _rows_of(path, split)
    films = [
        _film(path, row, labels) for row in chosen if split == "test" or not row.get("duplicate_of")
    ]
    unknown = next((film.image for film in films if film.label == PNEUMONIA), None)
    if unknown and not kind_unknown:
        raise ValueError(f"{unknown}: the manifest does not say which kind of pneumonia it shows")
    return films


def has_splits(folder: Path) -> bool:
    """Whether a data set's manifest divides it into parts."""
    return any(row.get("split") for row in manifest_rows(folder / MANIFEST))


def _rows_of(path: Path, split: str | None) -> list[Row]:
    rows = manifest_rows(path)
    chosen = [row for row in rows if split is None or row.get("split") == split]
    if not chosen:
        there = ", ".join(sorted({row.get("split") or "no split" for row in rows})) or "no film"
        raise ValueError(f"{path} lists no film of the split '{split}'; it has {there}")
    return chosen


def manifest_rows(path: Path) -> list[Row]:
    """Read all rows of a manifest.

    Raises:
        ValueError: It is missing, or lacks columns.
    """
    if not path.is_file():
        raise ValueError(f"{path} is not there; --data must name a folder that holds manifest.csv")
    return read_table(path, NEEDED)


def _film(path: Path, row: Row, labels: Sequence[str]) -> LabelledFilm:
    name = row.get("image") or row.get("file") or ""
    said = row.get("etiology") or row.get("label") or ""
    label = label_index(said, labels)
    if not name or label is None:
        raise ValueError(
            f"{path}: the film '{name}' has the label '{said}'; known are {known_names(labels)}"
        )
    evidence = row.get("lung_mask_evidence", "")
    mask = row.get("lung_mask") if evidence != PREDICTED else None
    return LabelledFilm(
        image=path.parent / name,
        mask=path.parent / mask if mask else None,
        label=label,
        patient=row.get("patient_id") or Path(name).stem,
        sure_mask=evidence.startswith("dims"),
        age_group=age_group_of(row),
        sex=sex_of(row),
        original_size=original_size(row),
    )


def original_size(row: Row) -> tuple[int, int] | None:
    """Read `orig_width` and `orig_height`; None where they are not told."""
    width, height = row.get("orig_width", ""), row.get("orig_height", "")
    known = width.isdecimal() and height.isdecimal() and int(width) > 0 and int(height) > 0
    return (int(width), int(height)) if known else None
