"""Parts of a worker that reads nothing: what is left is the queue."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import numpy as np

from lungline.queueing import make_celery
from lungline.settings import Settings
from ml.analyzer import Finding, Reading
from ml.errors import FilmError
from ml.lungs import WHOLE_FILM
from workers.analyzers import Analyzers
from workers.parts import Parts, build_parts

if TYPE_CHECKING:
    from storage.objects import ObjectStore

_LABELS = ("normal", "bacterial_pneumonia", "viral_pneumonia")
_READING = Reading(
    findings=tuple(Finding(label, 1 / 3, 0.0, 0.5, False) for label in _LABELS),
    top_label=_LABELS[0],
    lung_mask=np.zeros((1, 1), np.uint8),
    lung_count=0,
    lung_area_share=0.0,
    region=WHOLE_FILM,
    activation=np.zeros((3, 4, 4), np.float32),
    width=640,
    height=480,
)


class NullReader:
    """Finds the same on every film, after a time for each batch."""

    runtime_name = "null"

    def __init__(self, batch_seconds: float = 0.0) -> None:
        """Sleep so long over each batch."""
        self._batch_seconds = batch_seconds

    def read(self, films: Sequence[bytes]) -> list[Reading | FilmError]:
        """Give one reading for each film."""
        time.sleep(self._batch_seconds)
        return [_READING] * len(films)


class NullStore:
    """Forgets what it is given."""

    def put_many(self, objects: Mapping[str, bytes]) -> None:
        """Forget the objects."""


def null_parts(settings: Settings, worker_id: str, batch_seconds: float = 0.0) -> Parts:
    """Build a worker's parts over the database and the broker of the settings.

    Args:
        settings: Of the worker.
        worker_id: Under which it claims.
        batch_seconds: How long a batch takes to read.
    """
    analyzers = Analyzers(lambda bundle: NullReader(batch_seconds))
    parts = build_parts(make_celery(settings), settings, worker_id, analyzers=analyzers)
    return replace(parts, store=cast("ObjectStore", NullStore()), fetch=lambda item: b"")
