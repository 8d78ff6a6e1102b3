"""Manifests written whole or not at all: beside their place first, then renamed."""

import csv
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ml.datasets.manifest import MANIFEST
from ml.datasets.records import Note, Record

PARQUET = "manifest.parquet"
UNUSABLE = "unusable.csv"
REMARKS = "remarks.csv"
COLUMNS = (
    *("image", "lung_mask", "label", "split", "patient_id", "width", "height"),
    *("orig_width", "orig_height", "duplicate_of", "sha256_of_original", "lung_mask_evidence"),
    *("identifier", "age_days", "sex", "age_group", "boxes"),
)
_NUMBERS = {"width", "height", "orig_width", "orig_height", "age_days"}


def row_of(film: Record, folder: Path, size: tuple[int, int] | None = None) -> dict[str, Any]:
    """Lay a film out as a row of the manifest in `folder`; what is not known is None.

    Args:
        film: The film; several masks are left out: preparation makes one of them.
        folder: Its files are named as seen from here.
        size: (width, height) of the image's file, where it is known.
    """
    width, height = size or (None, None)
    orig_width, orig_height = film.original_size or (None, None)
    return {
        "image": _from(folder, film.image),
        "lung_mask": _from(folder, film.masks[0]) if len(film.masks) == 1 else None,
        "label": film.label,
        "split": film.split or None,
        "patient_id": film.patient,
        "width": width,
        "height": height,
        "orig_width": orig_width,
        "orig_height": orig_height,
        "duplicate_of": film.duplicate_of or None,
        "sha256_of_original": film.sha256 or None,
        "lung_mask_evidence": film.mask_evidence or None,
        "identifier": film.identifier,
        "age_days": film.age_days,
        "sex": film.sex,
        "age_group": film.age_group,
        "boxes": [list(box) for box in film.boxes],
    }


def write_manifest(
    folder: Path,
    rows: Sequence[Mapping[str, Any]],
    unusable: Iterable[Note],
    remarks: Iterable[Note],
) -> None:
    """Write a manifest as CSV and parquet, what is not usable, and what is doubtful.

    All are written beside their places before the first is renamed; the CSV manifest, which makes
    the folder a data set, is renamed last.

    Args:
        folder: Made where it is not there.
        rows: As `row_of` lays them out.
        unusable: Films that are not in the manifest.
        remarks: What is doubtful about films that are.
    """
    folder.mkdir(parents=True, exist_ok=True)
    writers: dict[str, Callable[[Path], None]] = {
        PARQUET: lambda path: _write_parquet(path, rows),
        UNUSABLE: lambda path: _write_notes(path, folder, unusable),
        REMARKS: lambda path: _write_notes(path, folder, remarks),
        MANIFEST: lambda path: _write_csv(path, COLUMNS, map(_text_row, rows)),
    }
    sides = {name: folder / f".{name}.part" for name in writers}
    try:
        for name, write in writers.items():
            write(sides[name])
        for name, side in sides.items():
            os.replace(side, folder / name)
    finally:
        for side in sides.values():
            side.unlink(missing_ok=True)


def _from(folder: Path, file: Path) -> str:
    return Path(os.path.relpath(file, folder)).as_posix()


def _text_row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "boxes": json.dumps(row["boxes"]) if row["boxes"] else None}


def _write_csv(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, fieldnames=columns)
        writer.writeheader()
        writer.writerows(rows)


def _write_notes(path: Path, folder: Path, notes: Iterable[Note]) -> None:
    rows = (
        {"identifier": n.identifier, "where": _from(folder, n.where), "reason": n.reason}
        for n in notes
    )
    _write_csv(path, ("identifier", "where", "reason"), rows)


def _write_parquet(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {name: pa.int32() if name in _NUMBERS else pa.string() for name in COLUMNS}
    types["boxes"] = pa.list_(pa.list_(pa.float32()))
    pq.write_table(pa.Table.from_pylist(list(rows), schema=pa.schema(types)), path)
