"""One film prepared: decoded, made smaller, its lungs found, shown by each recipe."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml.datasets.hashes import content_hash, perceptual_hash
from ml.datasets.manifest import PREDICTED
from ml.datasets.records import Record
from ml.decode import decode
from ml.errors import FilmError
from ml.images import read_grey, write_png
from ml.lungs import lung_area_share, mask_at
from ml.networks.lung_finder import LungFinder
from ml.preparation.picture import fitted_mask, made_smaller, picture_of
from ml.preparation.recipes import RECIPES
from ml.preparation.settings import PictureSettings

FILMS, MASKS = "films", "lung_masks"
FROM_SOURCE = "data set"


@dataclass(frozen=True, slots=True)
class Facts:
    """What preparation found out about a film.

    Attributes:
        identifier: The film's.
        stamp: Size and time of the source's file: another file is prepared anew.
        unusable: Why the film cannot be used; empty where it can.
        remark: What is doubtful about it; empty for nothing.
        sha256: Of the source's file.
        content: Hash of the pixels as they were decoded.
        look: Perceptual hash.
        original: (width, height) as decoded.
        size: (width, height) as written.
        lungs: Lungs in its mask, 0 to 2; None without a mask.
        lung_share: Share of the film that is lung, 0..1; None without a mask.
        mask_from: `FROM_SOURCE`, `PREDICTED` or empty.
    """

    identifier: str
    stamp: str
    unusable: str = ""
    remark: str = ""
    sha256: str = ""
    content: str = ""
    look: str = ""
    original: tuple[int, int] = (0, 0)
    size: tuple[int, int] = (0, 0)
    lungs: int | None = None
    lung_share: float | None = None
    mask_from: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """A film to prepare.

    Attributes:
        film: As the source tells of it.
        name: Of its files, without a suffix.
        stamp: Of the source's file.
        recipes: Names of those to apply.
    """

    film: Record
    name: str
    stamp: str
    recipes: tuple[str, ...]

    def files(self, out: Path) -> list[Path]:
        """Give the pictures that must be there when it is done."""
        return [out / FILMS / f"{self.name}.png", *self.recipe_files(out).values()]

    def recipe_files(self, out: Path) -> dict[str, Path]:
        """Give the picture of each recipe."""
        return {recipe: out / recipe / "images" / f"{self.name}.png" for recipe in self.recipes}


def stamp_of(file: Path) -> str:
    """Tell a file from one that was put in its place; empty where there is none."""
    try:
        told = file.stat()
    except OSError:
        return ""
    return f"{told.st_size}:{told.st_mtime_ns}"


def prepare_film(job: Job, out: Path, s: PictureSettings, finder: LungFinder | None) -> Facts:
    """Write a film's pictures, and give what was found out.

    Args:
        job: The film.
        out: Folder of the preparation.
        s: How.
        finder: Finds lungs; None leaves films without a mask that have none.

    Raises:
        OSError: A picture cannot be written.
    """
    film = job.film
    try:
        stored = film.image.read_bytes()
        decoded = decode(stored).pixels
    except (OSError, FilmError) as error:
        told = error.strerror if isinstance(error, OSError) else str(error)
        return Facts(film.identifier, job.stamp, unusable=f"cannot be read: {told}")
    pixels = made_smaller(decoded, s.side)
    mask, mask_from, remark = _lungs(film.masks, pixels, s, finder)
    write_png(out / FILMS / f"{job.name}.png", pixels)
    lungs = share = None
    if mask is not None:
        mask, lungs = fitted_mask(mask, pixels)
        share = lung_area_share(mask)
        write_png(out / MASKS / f"{job.name}.png", mask)
    for name, file in job.recipe_files(out).items():
        if mask is not None or not RECIPES[name].needs_mask:
            write_png(file, picture_of(pixels, mask, s.steps(name)))
    return Facts(
        identifier=film.identifier,
        stamp=job.stamp,
        remark=remark,
        sha256=hashlib.sha256(stored).hexdigest(),
        content=content_hash(decoded),
        look=perceptual_hash(decoded),
        original=(decoded.shape[1], decoded.shape[0]),
        size=(pixels.shape[1], pixels.shape[0]),
        lungs=lungs,
        lung_share=share,
        mask_from=mask_from,
    )


def joined_mask(masks: Sequence[Path], width: int, height: int) -> NDArray[np.uint8]:
    """Read the parts of a lung mask into one (height, width), 0 or 255.

    Raises:
        ValueError: A part is missing or no picture.
    """
    parts = [mask_at(_binary(read_grey(mask)), width, height) for mask in masks]
    return np.asarray(np.maximum.reduce(parts), np.uint8)


def _lungs(
    masks: Sequence[Path],
    film: NDArray[np.uint8],
    s: PictureSettings,
    finder: LungFinder | None,
) -> tuple[NDArray[np.uint8] | None, str, str]:
    """Give a film's lung mask in any geometry, where it is from, and a remark."""
    height, width = film.shape
    remark = ""
    if masks and not s.predict_all:
        try:
            return joined_mask(masks, width, height), FROM_SOURCE, ""
        except ValueError:
            remark = "its lung mask cannot be read"
    if finder is None:
        return None, "", remark
    return finder.find(film), PREDICTED, remark


def _binary(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Bring a mask of 0 and 1, or of 0 and any grey, to 0 and 255."""
    return np.where(mask > mask.max() // 2, 255, 0).astype(np.uint8)
