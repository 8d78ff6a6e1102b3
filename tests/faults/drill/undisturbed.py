"""What is found in films when nothing is broken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from lungline.bundles import find_bundle
from lungline.settings import Settings
from ml.analyzer import Reading
from tests.faults.drill.films import expected
from workers.analyzers import Reader, bundle_loader

EVERY = 10
"""Of so many films the shipped bundle reads one once more, by itself."""
CLOSE = 1e-6
"""Probabilities that are nearer are the same: a film's place in its batch changes the last bits."""

Found = dict[int, list[float]]
"""Probabilities of films, by their place in the job."""


class Undisturbed:
    """Tells what is found: in all films, or with the shipped bundle in some of them."""

    def __init__(self, settings: Settings, *, real: bool) -> None:
        """Load nothing yet."""
        self._settings = settings
        self.of: Callable[[Sequence[bytes]], Found] = self._read if real else _computed

    @cached_property
    def _reader(self) -> Reader:
        settings = self._settings
        return bundle_loader(settings)(find_bundle(settings.bundles_dir, settings.bundle).key)

    def _read(self, films: Sequence[bytes]) -> Found:
        readings: list[Any] = []
        for film in films[::EVERY]:
            readings += self._reader.read([film])
        return {number * EVERY: _probabilities(reading) for number, reading in enumerate(readings)}


def same(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether two films' probabilities are the same."""
    return all(abs(a - b) < CLOSE for a, b in zip(one, other, strict=True))


def _probabilities(reading: Reading) -> list[float]:
    return [finding.probability for finding in reading.findings]


def _computed(films: Sequence[bytes]) -> Found:
    return {number: expected(film) for number, film in enumerate(films)}
