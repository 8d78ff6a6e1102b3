"""From a reading to what the database and the object store keep of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2

from lungline.errors import FILM_CODES
from storage.claims import ClaimedItem, Outcome
from storage.predictions import NewPrediction

if TYPE_CHECKING:
    from ml.analyzer import Finding, Reading
    from ml.errors import FilmError

ACTIVATION_DIGITS = 5
"""Decimal places kept of an activation: far below what a heatmap shows, a third of the text."""


def mask_key(item: ClaimedItem, bundle: str) -> str:
    """Where the lung mask of a film lies: it depends on the film and on the bundle.

    One folder for all: a folder for each film would cost two more flushes a film.
    """
    return f"{item.tenant}/masks/{item.film.sha256}-{bundle}.png"


def view_key(item: ClaimedItem) -> str:
    """Where the viewable picture of a film lies: it depends on the film alone."""
    return f"{item.tenant}/views/{item.film.sha256}.png"


def failed(item: ClaimedItem, code: str, reason: str | None = None) -> Outcome:
    """The outcome of an item that cannot be read; the words default to those of the code."""
    return Outcome(item.id, prediction=None, error=(code, reason or FILM_CODES[code]))


def film_failed(item: ClaimedItem, error: FilmError) -> Outcome:
    """The outcome of an item whose film is at fault."""
    return failed(item, error.code, error.message)


def succeeded(item: ClaimedItem, reading: Reading, *, bundle: str, runtime: str) -> Outcome:
    """The outcome of an item that was read.

    Args:
        item: Whose.
        reading: Of its film.
        bundle: Key of the bundle that read it.
        runtime: That the bundle ran in.
    """
    region = reading.region
    prediction = NewPrediction(
        runtime=runtime,
        top_label=reading.top_label,
        findings=[_finding(finding) for finding in reading.findings],
        in_distribution=reading.in_distribution,
        flags=list(reading.flags),
        lungs={"count": reading.lung_count, "area_share": reading.lung_area_share},
        region=[region.x0, region.y0, region.x1, region.y1],
        activation=reading.activation.round(ACTIVATION_DIGITS).tolist(),
        mask_key=mask_key(item, bundle),
        view_key=view_key(item) if reading.view else None,
    )
    return Outcome(item.id, prediction=prediction, error=None)


def _finding(finding: Finding) -> dict[str, Any]:
    # `asdict` copies deeply, which took a tenth of the time of a batch.
    return {name: getattr(finding, name) for name in finding.__slots__}


def pictures(item: ClaimedItem, reading: Reading, *, bundle: str) -> dict[str, bytes]:
    """The objects that go with a reading, by key: the lung mask, and a view if one was made."""
    encoded, mask = cv2.imencode(".png", reading.lung_mask)
    if not encoded:
        raise RuntimeError("the lung mask could not be written as PNG")
    objects = {mask_key(item, bundle): mask.tobytes()}
    if reading.view:
        objects[view_key(item)] = reading.view
    return objects
