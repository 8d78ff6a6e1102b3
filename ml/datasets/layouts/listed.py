"""A source that lists its films in `manifest.csv`, this project's own among them."""

import json
from pathlib import Path

from ml.datasets.labels import canonical
from ml.datasets.manifest import MANIFEST, manifest_rows, original_size
from ml.datasets.people import age_group_of, age_in_days, sex_of
from ml.datasets.records import Box, Record, Source
from ml.datasets.tables import Row


def read_listed(folder: Path) -> Source:
    """Read the films that a manifest lists, as `ml.datasets.manifest` says its columns.

    Raises:
        ValueError: The manifest is missing or lacks columns.
    """
    path = folder / MANIFEST
    source = Source("manifest", ())
    for row in manifest_rows(path):
        image = folder / _name(row)
        label = canonical(row.get("etiology") or row.get("label") or "")
        identifier = row.get("identifier") or Path(_name(row)).with_suffix("").as_posix()
        if not _name(row) or not label:
            source.refuse(identifier, path, "its row names no film or no label")
        elif not image.is_file():
            source.refuse(identifier, image, "the file is not there")
        else:
            source.films.append(_record(folder, row, identifier, label))
            if row.get("lung_mask") and not source.films[-1].masks:
                source.remark(identifier, folder / row["lung_mask"], "the lung mask is not there")
    return source


def _name(row: Row) -> str:
    return row.get("image") or row.get("file") or ""


def _record(folder: Path, row: Row, identifier: str, label: str) -> Record:
    mask = folder / row["lung_mask"] if row.get("lung_mask") else None
    told = row.get("age_days", "")
    days = int(told) if told.isdecimal() else age_in_days(row.get("age", ""))
    return Record(
        identifier=identifier,
        image=folder / _name(row),
        label=label,
        patient=row.get("patient_id") or Path(_name(row)).stem,
        masks=(mask,) if mask and mask.is_file() else (),
        split=row.get("split", ""),
        sex=sex_of(row),
        age_days=days,
        age_group=age_group_of(row),
        boxes=_boxes(row),
        original_size=original_size(row),
        duplicate_of=row.get("duplicate_of", ""),
        mask_evidence=row.get("lung_mask_evidence", ""),
        sha256=row.get("sha256_of_original", ""),
    )


def _boxes(row: Row) -> tuple[Box, ...]:
    try:
        told = json.loads(row.get("boxes") or "[]")
        return tuple((float(x), float(y), float(w), float(h)) for x, y, w, h in told)
    except (ValueError, TypeError):
        raise ValueError(f"the boxes '{row.get('boxes')}' of {_name(row)} are no boxes") from None
