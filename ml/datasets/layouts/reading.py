"""Reading a source of any layout, and holding it to its label set."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ml.datasets.labels import canonical
from ml.datasets.layouts.folders import read_class_folders
from ml.datasets.layouts.listed import read_listed
from ml.datasets.layouts.nia import read_nia
from ml.datasets.layouts.nih import read_nih
from ml.datasets.layouts.rsna import read_rsna
from ml.datasets.records import Source

LAYOUTS: Mapping[str, Callable[[Path], Source]] = {
    "nia": read_nia,
    "rsna": read_rsna,
    "nih": read_nih,
    "folders": read_class_folders,
    "manifest": read_listed,
}
"""Readers by the name of the layout."""

_NORMAL = "normal"


def read_source(
    folder: Path, layout: str, labels: Sequence[str] = (), *, leave_out_others: bool = False
) -> Source:
    """Read a source, and hold it to a label set.

    Args:
        folder: The source's folder.
        layout: One of `LAYOUTS`.
        labels: The label set, in order; none for that of the layout, or else all labels there
            are, `normal` first.
        leave_out_others: List films of other labels as not usable; else they are an error.

    Raises:
        ValueError: Unknown layout, a folder that is not laid out so, two films with one
            identifier, a label outside the label set, or a label without a film.
    """
    if layout not in LAYOUTS:
        raise ValueError(f"there is no layout '{layout}'; there are {', '.join(LAYOUTS)}")
    if not folder.is_dir():
        raise ValueError(f"{folder} is not there; name the folder of a data set")
    source = LAYOUTS[layout](folder)
    _check_identifiers(folder, source)
    wanted = tuple(map(canonical, labels)) or source.labels or _labels_of(source)
    return _held_to(folder, source, wanted, leave_out_others)


def _check_identifiers(folder: Path, source: Source) -> None:
    counts = Counter(film.identifier for film in source.films)
    twice = [name for name, count in counts.items() if count > 1]
    if twice:
        first, second = [film.image for film in source.films if film.identifier == twice[0]][:2]
        raise ValueError(
            f"{folder} has {len(twice)} identifiers that two films share, first '{twice[0]}': "
            f"{first} and {second}; rename or remove one of each"
        )


def _labels_of(source: Source) -> tuple[str, ...]:
    there = {film.label for film in source.films}
    return tuple(sorted(there, key=lambda label: (label != _NORMAL, label)))


def _held_to(folder: Path, source: Source, labels: Sequence[str], leave_out_others: bool) -> Source:
    if len(set(labels)) != len(labels) or len(labels) < 2:
        raise ValueError(f"the label set ({', '.join(labels)}) needs two or more different labels")
    kept = replace(source, labels=tuple(labels), films=[], unusable=list(source.unusable))
    for film in source.films:
        if film.label in labels:
            kept.films.append(film)
        elif leave_out_others:
            kept.refuse(film.identifier, film.image, f"its label {film.label} is left out")
        else:
            raise ValueError(
                f"{film.image} has the label '{film.label}', which is not in the label set "
                f"({', '.join(labels)}); add it to --labels, or say --leave-out-others"
            )
    check_classes(folder, kept)
    return kept


def check_classes(folder: Path, source: Source) -> None:
    """Make sure that each label has a film.

    Raises:
        ValueError: One has none.
    """
    there = {film.label for film in source.films}
    empty = [label for label in source.labels if label not in there]
    if empty:
        raise ValueError(
            f"{folder} has no usable film of {', '.join(empty)} ({len(source.unusable)} films are "
            f"not usable); name the labels to take with --labels"
        )
