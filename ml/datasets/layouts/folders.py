"""A folder for each class, at the top or inside a folder for each part."""

from pathlib import Path

from ml.datasets.folders import SUFFIXES, films_below, kind_in_name, subfolders
from ml.datasets.labels import KIND_UNKNOWN, canonical, plain
from ml.datasets.records import Record, Source

_PARTS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}


def read_class_folders(folder: Path) -> Source:
    """Read films from folders named after their class.

    A film's patient is its file's stem: nothing says which films belong together.

    Raises:
        ValueError: There is no folder, or no film in any.
    """
    source = Source("folders", ())
    parts = [
        (sub, _PARTS[plain(sub.name)]) for sub in subfolders(folder) if plain(sub.name) in _PARTS
    ]
    for place, split in parts or [(folder, "")]:
        for sub in subfolders(place):
            source.films.extend(_record(file, sub, folder, split) for file in films_below(sub))
    if not source.films:
        there = ", ".join(sub.name for sub in subfolders(folder)[:5]) or "no folder"
        raise ValueError(
            f"{folder} is not laid out with a folder for each class: it holds {there}, and no film "
            f"in them ({', '.join(sorted(SUFFIXES))}); name the folder above the classes"
        )
    return source


def _record(file: Path, sub: Path, folder: Path, split: str) -> Record:
    label = canonical(sub.name)
    if label in KIND_UNKNOWN and (kind := kind_in_name(file)):
        label = canonical(kind)
    identifier = file.relative_to(folder).with_suffix("").as_posix()
    return Record(identifier, file, label, patient=file.stem, split=split)
