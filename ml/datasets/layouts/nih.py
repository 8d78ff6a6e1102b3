"""NIH ChestX-ray14: `Data_Entry_2017*.csv`, pictures anywhere below, boxes and splits beside."""

from pathlib import Path

from ml.datasets.labels import canonical
from ml.datasets.people import age_in_days, group_of_days, sex_of
from ml.datasets.records import Box, Record, Source
from ml.datasets.tables import Row, find_table, read_table

LABELS = (
    "normal",
    "atelectasis",
    "cardiomegaly",
    "consolidation",
    "edema",
    "effusion",
    "emphysema",
    "fibrosis",
    "hernia",
    "infiltration",
    "mass",
    "nodule",
    "pleural_thickening",
    "pneumonia",
    "pneumothorax",
)
_ENTRIES = ("Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv")
_BOXES = "BBox_List_2017.csv"
_SPLITS = {"train_val_list.txt": "train", "test_list.txt": "test"}
_NEEDED = (
    {"Image Index"},
    {"Finding Labels"},
    {"Patient ID"},
    {"Patient Age"},
    {"Patient Gender"},
)


def read_nih(folder: Path) -> Source:
    """Read the table of entries and find its films.

    A film with several findings has no one class: it is listed as not usable.

    Raises:
        ValueError: The table is missing or lacks columns.
    """
    entries = find_table(folder, *_ENTRIES)
    if entries is None:
        raise ValueError(
            f"{folder} is not laid out as NIH ChestX-ray14: it has no {_ENTRIES[0]}; put the table "
            "there, films in folders below"
        )
    source = Source("nih", LABELS)
    files = {file.name: file for file in sorted(folder.rglob("*.png"))}
    boxes, splits = _boxes(folder), _splits(folder)
    for row in read_table(entries, _NEEDED):
        name = row["Image Index"]
        reason = _fault(row) or ("" if name in files else "no film of this name in any folder")
        if reason:
            source.refuse(name, files.get(name, folder / name), reason)
            continue
        record = _record(row, files[name], boxes.get(name, ()), splits.get(name, ""))
        source.films.append(record)
    return source


def _fault(row: Row) -> str:
    findings = row["Finding Labels"].split("|")
    if len(findings) > 1:
        return f"it shows {len(findings)} findings ({', '.join(findings)}), so has no one class"
    if canonical(findings[0]) not in LABELS:
        return f"its finding '{findings[0]}' is not known"
    return ""


def _record(row: Row, file: Path, boxes: tuple[Box, ...], split: str) -> Record:
    days = age_in_days(row["Patient Age"])
    return Record(
        identifier=file.stem,
        image=file,
        label=canonical(row["Finding Labels"]),
        patient=row["Patient ID"],
        split=split,
        sex=sex_of({"sex": row["Patient Gender"]}),
        age_days=days,
        age_group=group_of_days(days),
        boxes=boxes,
        original_size=_size(row),
    )


def _size(row: Row) -> tuple[int, int] | None:
    # The header's own commas cut the column OriginalImage[Width,Height] in two.
    width, height = row.get("OriginalImage[Width", ""), row.get("Height]", "")
    return (int(width), int(height)) if width.isdecimal() and height.isdecimal() else None


def _boxes(folder: Path) -> dict[str, tuple[Box, ...]]:
    table = find_table(folder, _BOXES)
    boxes: dict[str, tuple[Box, ...]] = {}
    for row in read_table(table, ({"Image Index"}, {"Bbox [x"})) if table else ():
        cells = (row["Bbox [x"], row.get("y", ""), row.get("w", ""), row.get("h]", ""))
        try:
            left, top, width, height = map(float, cells)
        except ValueError:
            raise ValueError(f"{table}: the box of {row['Image Index']} is no box") from None
        boxes[row["Image Index"]] = (
            *boxes.get(row["Image Index"], ()),
            (left, top, width, height),
        )
    return boxes


def _splits(folder: Path) -> dict[str, str]:
    return {
        name: split
        for file, split in _SPLITS.items()
        if (folder / file).is_file()
        for name in (folder / file).read_text(encoding="utf-8").split()
    }
