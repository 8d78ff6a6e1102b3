"""Probabilities of films alone, for comparisons of two readings of the same films."""

from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path

import numpy as np

from ml.analyzer import Analyzer
from ml.evaluation.evaluate import BATCH, SHOWN_EVERY, read_each
from ml.evaluation.metrics import Flags, Floats

Show = Callable[[str], None]
Named = tuple[str, bytes]


def probabilities(analyzer: Analyzer, films: Iterable[Named], show: Show = print) -> Floats:
    """Read films and keep their probabilities.

    Args:
        analyzer: What reads.
        films: What to call each where it cannot be read, and its bytes.
        show: Takes lines of progress.

    Returns:
        (n, labels), calibrated.

    Raises:
        ValueError: A film cannot be read.
    """
    waiting, said = iter(films), []
    while batch := list(islice(waiting, BATCH)):
        names, stored = zip(*batch, strict=True)
        for reading in read_each(analyzer, names, stored):
            said.append([finding.probability for finding in reading.findings])
        if len(said) % SHOWN_EVERY == 0:
            show(f"read {len(said)} films")
    return np.array(said, dtype=np.float64)


def stored(paths: Iterable[Path]) -> Iterable[Named]:
    """Give files' names and bytes, one at a time.

    Raises:
        ValueError: A file cannot be opened.
    """
    for path in paths:
        try:
            yield str(path), path.read_bytes()
        except OSError as error:
            raise ValueError(f"{path} cannot be opened: {error.strerror}") from None


def same_top(one: Floats, other: Floats) -> Flags:
    """(n,) the most probable label is the same in both, (n, labels)."""
    return np.asarray(one.argmax(axis=1) == other.argmax(axis=1))


def pneumonia_difference(one: Floats, other: Floats) -> Floats:
    """(n,) absolute difference of P(any pneumonia); label 0 is `normal`."""
    return np.asarray(np.abs(one[:, 0] - other[:, 0]))
