"""Small films, and a reader whose findings follow from a film's bytes: what it says is known."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import cv2
import numpy as np

from ml.analyzer import Finding, Reading
from ml.errors import FilmError
from ml.lungs import WHOLE_FILM

LABELS = ("normal", "bacterial_pneumonia", "viral_pneumonia")


def make_films(count: int, seed: int) -> list[bytes]:
    """Distinct films of 48 x 40 pixels."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (count, 40, 48), dtype=np.uint8)
    return [bytes(cv2.imencode(".png", film)[1]) for film in pixels]


def expected(film: bytes) -> list[float]:
    """The probabilities that `HashReader` finds."""
    digest = np.frombuffer(hashlib.sha256(film).digest()[:3], np.uint8) + 1.0
    return [float(share) for share in digest / digest.sum()]


class HashReader:
    """Reads nothing but the bytes, at once."""

    runtime_name = "hash"

    def read(self, films: Sequence[bytes]) -> list[Reading | FilmError]:
        """Give the findings of each film."""
        return [self._read(film) for film in films]

    def _read(self, film: bytes) -> Reading:
        probabilities = expected(film)
        findings = [
            Finding(label, probability, 0.0, 0.5, probability >= 0.5)
            for label, probability in zip(LABELS, probabilities, strict=True)
        ]
        return Reading(
            findings=tuple(findings),
            top_label=LABELS[int(np.argmax(probabilities))],
            lung_mask=np.full((8, 8), 255, np.uint8),
            lung_count=2,
            lung_area_share=0.5,
            region=WHOLE_FILM,
            activation=np.zeros((3, 4, 4), np.float32),
            width=48,
            height=40,
        )
