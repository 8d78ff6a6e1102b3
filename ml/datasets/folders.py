"""Data sets of one folder for each label, with or without a level of parts above."""

import re
from collections.abc import Sequence
from pathlib import Path

from ml.datasets.films import PNEUMONIA, LabelledFilm
from ml.datasets.labels import known_names, label_index

SUFFIXES = {".jpg", ".jpeg", ".png", ".dcm", ".dicom"}
# The pneumonia films of Kermany et al. lie in one folder; their names tell the kind:
# person1_bacteria_2.jpeg.
_KIND_IN_NAME = re.compile(r"(?:^|_)(bacteria|virus)(?:_|$)")


def find_part(folder: Path, part: str, labels: Sequence[str]) -> Path | None:
    """Find the folder of a part, `test` say; None where the data set is not divided.

    Raises:
        ValueError: The folder is not there, or is divided and has no such part.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} is not there; --data must name the folder of a data set")
    names = [sub.name for sub in subfolders(folder)]
    if part in names:
        return folder / part
    if any(label_index(name, labels) is not None for name in names):
        return None
    raise ValueError(
        f"{folder} holds neither manifest.csv nor a folder '{part}' nor a folder for each label "
        f"({known_names(labels)}); it holds {', '.join(names) or 'no folder'}"
    )


def read_folders(folder: Path, labels: Sequence[str]) -> list[LabelledFilm]:
    """Read a folder for each label, all levels below it, in the order of the names.

    A film's patient is its file's stem: nothing says which films belong together.

    Args:
        folder: Its subfolders are named as `ml.datasets.labels` knows the labels.
        labels: The label set that the films' labels are indices into.

    Raises:
        ValueError: A folder's name is no known label, or there is no film.
    """
    films = [
        film
        for sub in subfolders(folder)
        for film in _films_of(sub, label_index(sub.name, labels), labels)
    ]
    if not films:
        raise ValueError(f"{folder} has no film in its folders; looked for {sorted(SUFFIXES)}")
    return films


def films_below(folder: Path) -> list[Path]:
    """Give all files below a folder that are named as films are, by name."""
    files = sorted(file for file in folder.rglob("*") if file.suffix.casefold() in SUFFIXES)
    return [file for file in files if file.is_file() and not file.name.startswith(".")]


def kind_in_name(file: Path) -> str | None:
    """Give `bacteria` or `virus` where a file's name tells it."""
    kind = _KIND_IN_NAME.search(file.stem.casefold())
    return kind[1] if kind else None


def _films_of(folder: Path, label: int | None, labels: Sequence[str]) -> list[LabelledFilm]:
    if label is None:
        raise ValueError(f"{folder} is named after no label; known are {known_names(labels)}")
    return [
        LabelledFilm(file, None, _told_by_name(file, label, labels), file.stem, sure_mask=False)
        for file in films_below(folder)
    ]


def _told_by_name(file: Path, label: int, labels: Sequence[str]) -> int:
    kind = kind_in_name(file)
    if label != PNEUMONIA or kind is None:
        return label
    told = label_index(kind, labels)
    return PNEUMONIA if told is None else told


def subfolders(folder: Path) -> list[Path]:
    """Give the folders in a folder by name, but for hidden ones and those that unpacking leaves."""
    return sorted(
        sub for sub in folder.iterdir() if sub.is_dir() and not sub.name.startswith((".", "_"))
    )
