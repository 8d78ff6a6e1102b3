"""Test doubles: a reader without a model, and what goes wrong with it when told to."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ml.analyzer import Finding, Reading
from ml.errors import FilmError
from ml.lungs import WHOLE_FILM

LABELS = ("normal", "bacterial_pneumonia", "viral_pneumonia")


class NullReader:
    """Finds every film normal, by no means at all. `before` is called with each batch."""

    runtime_name = "null"

    def __init__(self, before: Callable[[Sequence[bytes]], None] = lambda films: None) -> None:
        self._before = before
        self.batches: list[int] = []

    def read(self, films: Sequence[bytes]) -> list[Reading | FilmError]:
        self.batches.append(len(films))
        self._before(films)
        return [self._read(film) for film in films]

    def _read(self, film: bytes) -> Reading | FilmError:
        if len(film) < 1000:
            return FilmError("truncated", "The file ends before its picture does.")
        return Reading(
            findings=tuple(Finding(label, 1 / 3, 0.0, 0.5, False) for label in LABELS),
            top_label=LABELS[0],
            lung_mask=np.zeros((256, 256), np.uint8),
            lung_count=0,
            lung_area_share=0.0,
            region=WHOLE_FILM,
            activation=np.zeros((3, 2, 2), np.float32),
            width=96,
            height=80,
        )
