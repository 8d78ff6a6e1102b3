"""One part of a data set, however its folder is laid out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ml.datasets.films import LabelledFilm
from ml.datasets.folders import find_part, read_folders
from ml.datasets.manifest import MANIFEST, has_splits, read_manifest

WHOLE = "all"


@dataclass(frozen=True, slots=True)
class Dataset:
    """Films to judge a bundle on.

    Attributes:
        name: The folder's name.
        part: Which part of it, `WHOLE` where it is not divided.
        films: In the order of the manifest or of the files' names.
    """

    name: str
    part: str
    films: Sequence[LabelledFilm]


def read_dataset(folder: Path, part: str, labels: Sequence[str]) -> Dataset:
    """Read a part of a data set with a manifest, or with a folder for each label.

    Args:
        folder: It holds `manifest.csv`, or folders named after labels, or a folder `part` that
            holds such folders.
        part: Passed over where the data set is not divided into parts.
        labels: The label set that the films' labels are indices into.

    Raises:
        ValueError: The folder is laid out in no such way, or has no film of this part.
    """
    name = folder.resolve().name
    if (folder / MANIFEST).is_file():
        chosen = part if has_splits(folder) else None
        films = read_manifest(folder, chosen, labels, kind_unknown=True)
        return Dataset(name, chosen or WHOLE, films)
    found = find_part(folder, part, labels)
    return Dataset(name, part if found else WHOLE, read_folders(found or folder, labels))
