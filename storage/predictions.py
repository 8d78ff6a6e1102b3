"""Predictions: the findings of one film by one bundle. The first one written stays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, or_, select, update

from lungline.domain import new_id
from storage.models import FilmRow, PredictionRow
from storage.upserts import chunks, insert_missing


@dataclass(frozen=True, slots=True)
class NewPrediction:
    """What a worker found on one film; the bundle is the job's.

    Attributes:
        runtime: Which runtime read the film, `openvino` or `tensorflow`.
        top_label: The label with the highest probability.
        findings: For each label, in the label set's order, a dict with `label`, `probability`
            (calibrated, 0 to 1), `score`, `threshold` and `positive`.
        in_distribution: Whether the film is of the kind the bundle was trained on; None when the
            bundle has no gate.
        flags: Warnings about the film.
        lungs: `count` and `area_share` (0 to 1) of the lung fields that were found.
        region: `[x0, y0, x1, y1]` in pixels of the film: what the classifier saw.
        activation: Class activation maps, nested lists of shape (labels, h, w).
        mask_key: Object key of the lung mask.
        view_key: Object key of the 8-bit view, for films that browsers cannot show.
    """

    runtime: str
    top_label: str
    findings: list[dict[str, Any]]
    in_distribution: bool | None
    flags: list[str]
    lungs: dict[str, Any]
    region: list[float]
    activation: list[Any]
    mask_key: str | None = None
    view_key: str | None = None


@dataclass(frozen=True, slots=True)
class Prediction:
    """A stored prediction; the attributes are those of `NewPrediction`, and these.

    Attributes:
        id: The prediction's id.
        bundle: `name@version`.
        created_at: Seconds since the epoch.
    """

    id: str
    bundle: str
    runtime: str
    top_label: str
    findings: list[dict[str, Any]]
    in_distribution: bool | None
    flags: list[str]
    lungs: dict[str, Any]
    region: list[float]
    activation: list[Any]
    mask_key: str | None
    view_key: str | None
    created_at: float


# In the order of Prediction's fields: Prediction(*row).
PREDICTION_COLUMNS = (
    PredictionRow.id,
    PredictionRow.bundle,
    PredictionRow.runtime,
    PredictionRow.top_label,
    PredictionRow.findings,
    PredictionRow.in_distribution,
    PredictionRow.flags,
    PredictionRow.lungs,
    PredictionRow.region,
    PredictionRow.activation,
    PredictionRow.mask_key,
    PredictionRow.view_key,
    PredictionRow.created_at,
)


ANSWERS: ColumnElement[bool] = or_(
    PredictionRow.dropped_at.is_(None), FilmRow.dropped_at.is_not(None)
)
"""Whether a prediction answers for its film, which the query has joined.

One that lost its pictures with the film's pixels does so only while these are gone: a film that was
sent again is read again, for its pictures (see `keep_first`).
"""


def existing(connection: Connection, bundle: str, film_ids: Iterable[str]) -> dict[str, str]:
    """Find the predictions that a bundle has already made, and that answer.

    Returns:
        The prediction id for each film id that has one.
    """
    found: dict[str, str] = {}
    for some in chunks(film_ids):
        query = (
            select(PredictionRow.film_id, PredictionRow.id)
            .join(FilmRow, FilmRow.id == PredictionRow.film_id)
            .where(PredictionRow.bundle == bundle, PredictionRow.film_id.in_(some), ANSWERS)
        )
        found.update((row.film_id, row.id) for row in connection.execute(query))
    return found


def keep_first(
    connection: Connection, at: float, bundle: str, made: Mapping[str, NewPrediction]
) -> None:
    """Write predictions, unless the film already has one by this bundle.

    One that had lost its pictures gets those of the new one, and keeps its findings.

    Args:
        connection: A write transaction.
        at: The server's time.
        bundle: `name@version`.
        made: The prediction for each film id.
    """
    rows = [_row(film_id, bundle, made[film_id], at) for film_id in sorted(made)]
    if insert_missing(connection, PredictionRow, rows) == len(rows):
        return
    lost = select(PredictionRow.film_id).where(
        PredictionRow.bundle == bundle,
        PredictionRow.film_id.in_(made),
        PredictionRow.dropped_at.is_not(None),
    )
    for film_id in sorted(connection.execute(lost).scalars()):
        again = update(PredictionRow).where(
            PredictionRow.bundle == bundle, PredictionRow.film_id == film_id
        )
        keys = {"mask_key": made[film_id].mask_key, "view_key": made[film_id].view_key}
        connection.execute(again.values(dropped_at=None, **keys))


def _row(film_id: str, bundle: str, made: NewPrediction, at: float) -> dict[str, object]:
    fields: Sequence[str] = NewPrediction.__slots__  # slots=True makes them
    return {
        "id": new_id(),
        "film_id": film_id,
        "bundle": bundle,
        "created_at": at,
        **{field: getattr(made, field) for field in fields},
    }
