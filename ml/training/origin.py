"""What a run was trained on: which prepared recipe, and how its pictures were made."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml.datasets.manifest import MANIFEST
from ml.preparation.picture import PictureSteps
from ml.preparation.prepare import DIVISION, PICTURES
from ml.preparation.recipes import RECIPES
from ml.preparation.settings import PictureSettings

FILE = "data.json"


@dataclass(frozen=True, slots=True)
class Origin:
    """A prepared recipe, as a run or a bundle tells of it.

    Attributes:
        recipe: Its folder's name.
        manifest: SHA-256 of the recipe's `manifest.csv`, and so of its films' labels and parts.
        pictures: How its pictures were made, as `pictures.json` of the preparation has it; empty
            where the folder was not made by `prepare`.
        division: How the films were divided, as `division.json` has it.
    """

    recipe: str
    manifest: str
    pictures: Mapping[str, Any]
    division: Mapping[str, Any]

    def steps(self, input_size: int) -> PictureSteps:
        """Give the steps from a film to the input of a network.

        Raises:
            ValueError: The folder is no recipe that `prepare` made.
        """
        if self.recipe not in RECIPES or not self.pictures:
            raise ValueError(
                f"'{self.recipe}' is no recipe that `python -m ml prepare` made (a folder "
                f"{', '.join(RECIPES)} beside {PICTURES}), so nobody can tell how to make its "
                "pictures of new films; train on such a recipe"
            )
        try:
            return PictureSettings(**self.pictures).steps(self.recipe, input_size)
        except TypeError:
            raise ValueError(
                f"{PICTURES} of the preparation is of another version; prepare anew"
            ) from None


def origin_of(data: Path) -> Origin:
    """Read what a recipe's folder tells.

    Raises:
        ValueError: The folder holds no manifest, or what stands beside it is no JSON.
    """
    data = data.resolve()
    if not (data / MANIFEST).is_file():
        raise ValueError(
            f"{data / MANIFEST} is not there; --data must name a recipe's folder, of those that "
            "`python -m ml prepare` makes"
        )
    manifest = hashlib.sha256((data / MANIFEST).read_bytes()).hexdigest()
    return Origin(data.name, manifest, _read(data.parent / PICTURES), _read(data.parent / DIVISION))


def keep_origin(run: Path, data: Path) -> None:
    """Write into a run's folder what it is trained on, or make sure that it is that still.

    Raises:
        ValueError: The run was begun on other films, labels or parts.
    """
    origin, kept = origin_of(data), _read(run / FILE)
    if kept and kept.get("manifest") != origin.manifest:
        raise ValueError(
            f"{run} holds a run on other data: name another folder, or the data it was begun on"
        )
    told = {
        "folder": str(data.resolve()),
        "recipe": origin.recipe,
        "manifest": origin.manifest,
        "pictures": origin.pictures,
        "division": origin.division,
    }
    text = json.dumps(told, indent=2, ensure_ascii=False)
    (run / FILE).write_text(text + "\n", encoding="utf-8")


def data_of(run: Path, data: Path | None) -> tuple[Path, Origin]:
    """Find the data of a run: the folder it was trained on, or another that holds the same.

    Args:
        run: The run's folder.
        data: Where the data are now; None: where they were.

    Raises:
        ValueError: They are not there, or are others.
    """
    kept = _read(run / FILE)
    if data is None and not kept:
        raise ValueError(f"{run} does not tell what it was trained on; name it by --data")
    folder = Path(kept["folder"]) if data is None else data
    origin = origin_of(folder)
    if kept and kept["manifest"] != origin.manifest:
        raise ValueError(
            f"{folder} is not what {run} was trained on: its manifest differs; name the data by "
            "--data, or train anew"
        )
    return folder.resolve(), origin


def _read(path: Path) -> dict[str, Any]:
    """Read a JSON object; an empty one where there is no file."""
    if not path.is_file():
        return {}
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise ValueError(f"{path} is no JSON object; prepare anew")
    return told
