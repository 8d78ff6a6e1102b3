"""Contact sheets: the films a bundle gets most wrong, and its worst lung masks."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml.analyzer import Analyzer, Reading
from ml.datasets import PNEUMONIA, LabelledFilm
from ml.decode import decode
from ml.evaluation.answers import Answers
from ml.evaluation.contact_sheet import Titled, write_sheet
from ml.evaluation.evaluate import Evaluation, read_all
from ml.evaluation.overlays import HUMAN, LUNGS, OURS, Picture, film_tile, with_contour, with_heat
from ml.images import read_grey

MISTAKES = 12
WORST_MASKS = 10
_MISTAKES_TITLE = (
    "The surest mistakes: the film, and the lungs found (white) with the activation of the wrong "
    "label (the brighter, the more)"
)
_MASKS_TITLE = "The lowest Dice: lungs found (orange), lungs drawn by a person (blue)"


def write_sheets(analyzer: Analyzer, evaluation: Evaluation, folder: Path) -> dict[str, Path]:
    """Draw the sheets for which there is something to show.

    Args:
        analyzer: The one that was judged; it reads the films shown once more.
        evaluation: Which films they are.
        folder: Made where it is not there; gets `mistakes.png` and `worst-masks.png`.

    Returns:
        The files, under `mistakes` and `worst_masks`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    mistakes = [*_mistakes(analyzer, evaluation)]
    if mistakes:
        written["mistakes"] = write_sheet(_MISTAKES_TITLE, mistakes, 3, folder / "mistakes.png")
    masks = [*_worst_masks(analyzer, evaluation)]
    if masks:
        written["worst_masks"] = write_sheet(_MASKS_TITLE, masks, 5, folder / "worst-masks.png")
    return written


def worst_mistakes(answers: Answers, most: int = MISTAKES) -> NDArray[np.int64]:
    """Choose films whose most probable label is wrong, the surest first.

    Surest is the largest lead of the label said over the true one; where only pneumonia is
    known, over any pneumonia.
    """
    rows = np.arange(len(answers))
    true = answers.probability[rows, np.maximum(answers.truth, 0)]
    unknown = answers.truth == PNEUMONIA
    true = np.where(unknown, answers.sick_probability, true)
    wrong = np.where(unknown, answers.said == 0, answers.said != answers.truth)
    lead = np.where(wrong, answers.probability.max(axis=1) - true, -np.inf)
    return np.argsort(-lead, kind="stable")[: min(most, int(wrong.sum()))]


def worst_masks(answers: Answers, most: int = WORST_MASKS) -> NDArray[np.int64]:
    """Choose films with the lowest Dice against their human-made mask, the worst first."""
    order = np.argsort(answers.dice, kind="stable")
    return order[: min(most, int(np.isfinite(answers.dice).sum()))]


def _mistakes(analyzer: Analyzer, evaluation: Evaluation) -> Iterator[Titled]:
    chosen = worst_mistakes(evaluation.answers)
    names = [label.removesuffix("_pneumonia").replace("_", " ") for label in evaluation.labels]
    for place, film, reading, tile in _again(analyzer, evaluation, chosen):
        said = int(evaluation.answers.said[place])
        sure = evaluation.answers.probability[place, said]
        true = "pneumonia" if film.label == PNEUMONIA else names[film.label]
        overlay = with_contour(with_heat(tile, reading, said), reading.lung_mask, LUNGS)
        yield f"{true}, said {names[said]} {sure:.2f}\n{_short(film)}", (tile, overlay)


def _worst_masks(analyzer: Analyzer, evaluation: Evaluation) -> Iterator[Titled]:
    chosen = worst_masks(evaluation.answers)
    for place, film, reading, tile in _again(analyzer, evaluation, chosen):
        if film.mask is not None:
            drawn = with_contour(tile, read_grey(film.mask), HUMAN)
            drawn = with_contour(drawn, reading.lung_mask, OURS)
            yield f"Dice {evaluation.answers.dice[place]:.3f}\n{_short(film)}", (drawn,)


def _again(
    analyzer: Analyzer, evaluation: Evaluation, places: NDArray[np.int64]
) -> Iterator[tuple[int, LabelledFilm, Reading, Picture]]:
    films = [evaluation.films[place] for place in places.tolist()]
    readings = read_all(analyzer, films, lambda _: None)
    for place, film, reading in zip(places.tolist(), films, readings, strict=True):
        yield place, film, reading, film_tile(decode(film.image.read_bytes()).pixels)


def _short(film: LabelledFilm) -> str:
    name = film.image.name
    return name if len(name) <= 30 else f"{name[:14]}...{name[-13:]}"
