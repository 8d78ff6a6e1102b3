"""Evaluation of a bundle on a data set, through the same Analyzer that serves films."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ml.analyzer import Analyzer, Reading
from ml.datasets import LabelledFilm
from ml.errors import FilmError
from ml.evaluation.answers import Answers, collect
from ml.evaluation.bootstrap import RESAMPLES
from ml.evaluation.figures import compute_figures

BATCH = 16
SHOWN_EVERY = 10 * BATCH
NORMAL = "normal"
Show = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A bundle judged on films.

    Attributes:
        labels: The bundle's label set.
        films: What was read.
        answers: What the bundle said, in the same order.
        figures: As `ml.evaluation.figures` computes them.
    """

    labels: Sequence[str]
    films: Sequence[LabelledFilm]
    answers: Answers
    figures: dict[str, Any]


def evaluate(
    analyzer: Analyzer,
    films: Sequence[LabelledFilm],
    show: Show = print,
    resamples: int = RESAMPLES,
) -> Evaluation:
    """Read films from their stored bytes and compute all figures.

    Args:
        analyzer: With the bundle to judge; its label set must be the films'.
        films: Films with known labels.
        show: Takes lines of progress.
        resamples: Of the bootstrap by patient.

    Raises:
        ValueError: A film of the data set cannot be read.
    """
    labels = [label.name for label in analyzer.bundle.labels]
    answers = collect(zip(films, read_all(analyzer, films, show), strict=True))
    return Evaluation(labels, films, answers, compute_figures(answers, labels, films, resamples))


def label_set(analyzer: Analyzer) -> list[str]:
    """Give the names of a bundle's labels.

    Raises:
        ValueError: The first is not `normal`, which is what any pneumonia is judged against.
    """
    labels = [label.name for label in analyzer.bundle.labels]
    if labels[0] != NORMAL:
        raise ValueError(f"the bundle's first label is '{labels[0]}', not '{NORMAL}'")
    return labels


def read_all(
    analyzer: Analyzer, films: Sequence[LabelledFilm], show: Show = print
) -> Iterator[Reading]:
    """Read films in batches from their stored bytes, in order.

    Raises:
        ValueError: A file is missing, or no film that can be read.
    """
    for start in range(0, len(films), BATCH):
        chunk = films[start : start + BATCH]
        yield from read_each(analyzer, [str(film.image) for film in chunk], _stored(chunk))
        done = start + len(chunk)
        if done % SHOWN_EVERY == 0 or done == len(films):
            show(f"read {done} of {len(films)} films")


def read_each(
    analyzer: Analyzer, names: Sequence[str], stored: Sequence[bytes]
) -> Iterator[Reading]:
    """Read one batch of films.

    Args:
        analyzer: What reads.
        names: What to call each film where it cannot be read.
        stored: The files' bytes.

    Raises:
        ValueError: A film cannot be read.
    """
    for name, answer in zip(names, analyzer.read(stored), strict=True):
        if isinstance(answer, FilmError):
            raise ValueError(f"{name} cannot be read: {answer}")
        yield answer


def _stored(films: Sequence[LabelledFilm]) -> list[bytes]:
    try:
        return [film.image.read_bytes() for film in films]
    except OSError as error:
        raise ValueError(f"{error.filename} cannot be opened: {error.strerror}") from None
