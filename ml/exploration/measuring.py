"""What is measured on films: grey values, and how much of them is lung."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.datasets.records import Note, Record
from ml.decode import decode
from ml.errors import FilmError
from ml.lungs import clean_mask, lung_area_share
from ml.preparation.film import joined_mask
from ml.preparation.picture import made_smaller

SIDE = 512
"""Films are measured at this longest side, pixels."""
BINS = 64


@dataclass(frozen=True)
class Measured:
    """A film with what was measured on it.

    Attributes:
        film: What the source tells of it.
        size: (width, height) of the original where the source tells it, else as decoded.
        grey: (BINS,) share of the pixels in each bin of grey values; sums to 1.
        mean: Mean grey value, 0..255.
        lungs: Lungs in its mask, 0 to 2; None without a mask.
        lung_share: Share of the film that is lung; None without a mask.
    """

    film: Record
    size: tuple[int, int]
    grey: NDArray[np.float64]
    mean: float
    lungs: int | None
    lung_share: float | None


def opened(film: Record) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """Give a film's pixels, made smaller, and its (width, height) as decoded.

    Raises:
        FilmError: It cannot be decoded.
        OSError: It cannot be opened.
    """
    pixels = decode(film.image.read_bytes()).pixels
    return made_smaller(pixels, SIDE), (pixels.shape[1], pixels.shape[0])


def mask_of(film: Record, pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], int] | None:
    """Give a film's cleaned lung mask and the lungs in it; None where it has none to read."""
    if not film.masks:
        return None
    try:
        joined = joined_mask(film.masks, pixels.shape[1], pixels.shape[0])
    except ValueError:
        return None
    return clean_mask(joined / np.float32(255.0))


def sample(films: Sequence[Record], labels: Sequence[str], most: int, seed: int) -> list[Record]:
    """Draw up to `most` films of each label, in the order given."""
    rng = np.random.default_rng(seed)
    chosen: set[int] = set()
    for label in labels:
        own = [place for place, film in enumerate(films) if film.label == label]
        chosen.update(rng.permutation(own)[:most].tolist())
    return [films[place] for place in sorted(chosen)]


def measure(films: Iterable[Record], unread: list[Note]) -> Iterator[Measured]:
    """Measure films.

    Args:
        films: To open.
        unread: Gets a note for each film that cannot be read.
    """
    for film in films:
        try:
            pixels, size = opened(film)
        except (FilmError, OSError) as error:
            unread.append(Note(film.identifier, film.image, f"cannot be read: {error}"))
            continue
        counts = np.bincount(pixels.ravel() // (256 // BINS), minlength=BINS)
        found = mask_of(film, pixels)
        yield Measured(
            film=film,
            size=film.original_size or size,
            grey=counts / pixels.size,
            mean=float(pixels.mean()),
            lungs=found[1] if found else None,
            lung_share=lung_area_share(found[0]) if found else None,
        )
