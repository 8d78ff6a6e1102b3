"""What classifier training reads at every step, made once: films and their lung boxes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from ml.datasets import LabelledFilm
from ml.images import read_grey
from ml.lungs import Region, clean_mask
from ml.preprocess import Preprocessing, plausible_box, segmenter_input

CHUNK = 64


@dataclass(frozen=True, slots=True)
class PreparedFilms:
    """Films in memory, with the box of their lungs as the trained segmenter found it.

    Attributes:
        films: (n, height, width), 8-bit grey.
        boxes: (n, 4) x0, y0, x1, y1 in shares of the film, without margin; NaN where the
            segmenter did not find two plausible lungs.
        labels: (n,) label indices.
    """

    films: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def box(self, index: int) -> Region | None:
        """Give a film's lung box, None where the lungs were not found."""
        x0, y0, x1, y1 = (float(v) for v in self.boxes[index])
        return None if np.isnan(x0) else Region(x0, y0, x1, y1)


def prepare(
    films: Sequence[LabelledFilm],
    segmenter: Path,
    cache: Path,
    show: Callable[[str], None] = print,
) -> PreparedFilms:
    """Read films and find their lungs, or take both from the cache.

    Args:
        films: Films of one part, all of one size.
        segmenter: The trained segmenter, a `.keras` file.
        cache: File to keep the result in; delete it after training another segmenter.
        show: Takes lines of progress.
    """
    names = np.array([film.image.name for film in films])
    if cache.exists():
        with np.load(cache, allow_pickle=False) as kept:
            if np.array_equal(kept["names"], names):
                return PreparedFilms(kept["films"], kept["boxes"], kept["labels"])
    show(f"finding the lungs of {len(films)} films")
    pixels = np.stack([read_grey(f.image) for f in films])
    labels = np.array([film.label for film in films], dtype=np.int64)
    prepared = PreparedFilms(pixels, find_boxes(pixels, segmenter), labels)
    cache.parent.mkdir(parents=True, exist_ok=True)
    np.savez(cache, names=names, films=pixels, boxes=prepared.boxes, labels=labels)
    lost = int(np.isnan(prepared.boxes[:, 0]).sum())
    show(f"two lungs found on all but {lost}")
    return prepared


def find_boxes(films: NDArray[np.uint8], segmenter: Path) -> NDArray[np.float32]:
    """Give the lung box (n, 4) of each film; NaN where two plausible lungs were not found."""
    model = keras.saving.load_model(segmenter, compile=False, safe_mode=True)
    boxes = np.full((len(films), 4), np.nan, dtype=np.float32)
    for start in range(0, len(films), CHUNK):
        chunk = films[start : start + CHUNK]
        inputs = np.stack([segmenter_input(film, Preprocessing()) for film in chunk])
        for i, lung in enumerate(np.asarray(model.predict_on_batch(inputs))[..., 0]):
            box = plausible_box(clean_mask(lung)[0])
            if box is not None:
                boxes[start + i] = (box.x0, box.y0, box.x1, box.y1)
    return boxes
