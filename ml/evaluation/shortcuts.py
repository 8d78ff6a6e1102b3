"""Does a bundle read the lungs, or the shape of the film?

In the paediatric pneumonia set the aspect ratio of the original film alone tells normal films from
others. A bundle that makes use of it gives probabilities that follow the aspect ratio within a
class, and that change when a film is stretched.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.analyzer import Analyzer
from ml.datasets import LabelledFilm
from ml.decode import decode
from ml.errors import FilmError
from ml.evaluation.bootstrap import Places
from ml.evaluation.evaluate import label_set
from ml.evaluation.intervals import round_figure, with_intervals
from ml.evaluation.metrics import Floats, spearman
from ml.evaluation.probabilities import (
    Named,
    pneumonia_difference,
    probabilities,
    same_top,
    stored,
)

STRETCH = 1.15
FEWEST = 10
"""A rank correlation over fewer films says nothing."""
_WAYS = {"horizontally": (STRETCH, 1.0), "vertically": (1.0, STRETCH)}
Show = Callable[[str], None]


def shortcuts(
    analyzer: Analyzer, films: Sequence[LabelledFilm], show: Show = print
) -> dict[str, Any]:
    """Look for traces of the film's shape in what is said of it.

    Args:
        analyzer: With the bundle to judge.
        films: With their original sizes, as far as they are known.
        show: Takes lines of progress.

    Returns:
        `aspect.CLASS`: rank correlation of the original width / height with P(any pneumonia)
        within that class, and its absolute value. `stretched.WAY`: what changes when a film is
        made 15 % wider or higher: `mean_change` of all probabilities, `pneumonia_change` of
        P(any pneumonia), `top1_agreement`.

    Raises:
        ValueError: A film cannot be read.
    """
    labels = label_set(analyzer)
    plain = probabilities(analyzer, stored(film.image for film in films), show)
    patients = np.array([film.patient for film in films])
    changed = {
        way: _changes(patients, plain, probabilities(analyzer, _stretched(films, *factors), show))
        for way, factors in _WAYS.items()
    }
    return {"films": len(films), "aspect": aspect(films, plain, labels), "stretched": changed}


def aspect(
    films: Sequence[LabelledFilm], probability: Floats, labels: Sequence[str]
) -> dict[str, Any]:
    """Correlate original aspect ratio and P(any pneumonia) within each class, by ranks.

    Args:
        films: n films.
        probability: (n, labels).
        labels: The label set.
    """
    truth = np.array([film.label for film in films])
    known = np.array([film.original_size is not None for film in films])
    classes = {label: truth == place for place, label in enumerate(labels)}
    classes["any_pneumonia"] = truth != 0
    return {
        name: _correlation([films[n] for n in places.tolist()], probability[places])
        for name, own in classes.items()
        if len(places := np.flatnonzero(own & known))
    }


def _correlation(films: Sequence[LabelledFilm], probability: Floats) -> dict[str, Any]:
    if len(films) < FEWEST:
        return {"films": len(films)}
    ratio = np.array([width / height for width, height in _sizes(films)])
    sick = 1.0 - probability[:, 0]
    patients = np.array([film.patient for film in films])
    figures = with_intervals(
        patients, lambda places: {"spearman": spearman(ratio[places], sick[places])}
    )
    absolute = {"absolute": round_figure(abs(figures["spearman"]))} if figures else {}
    return {"films": len(films)} | figures | absolute


def _sizes(films: Sequence[LabelledFilm]) -> Iterator[tuple[int, int]]:
    yield from (film.original_size for film in films if film.original_size)


def _changes(patients: NDArray[Any], plain: Floats, stretched: Floats) -> dict[str, Any]:
    change = np.abs(plain - stretched).mean(axis=1)
    sick, same = pneumonia_difference(plain, stretched), same_top(plain, stretched)

    def statistics(places: Places) -> dict[str, float]:
        return {
            "mean_change": float(np.mean(change[places])),
            "pneumonia_change": float(np.mean(sick[places])),
            "top1_agreement": float(np.mean(same[places])),
        }

    return with_intervals(patients, statistics)


def _stretched(films: Sequence[LabelledFilm], across: float, down: float) -> Iterator[Named]:
    for name, data in stored(film.image for film in films):
        try:
            pixels = decode(data).pixels
        except FilmError as error:
            raise ValueError(f"{name} cannot be read: {error}") from None
        height, width = pixels.shape
        size = (round(width * across), round(height * down))
        wider = cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC)
        yield name, cv2.imencode(".png", wider)[1].tobytes()
