"""An item, with its findings and its entry, as one row, whatever the format."""

from __future__ import annotations

from typing import Any, NamedTuple

from lungline.domain import EntryOutcome
from storage.entries import Entry
from storage.items import Item
from storage.predictions import Prediction

_TOLD = ("label", "probability", "score", "threshold", "positive")


class Row(NamedTuple):
    """What one row tells of.

    Attributes:
        item: None: the entry was ignored.
        entry: None: the film came without an archive.
    """

    item: Item | None
    entry: Entry | None = None


_OF_ITEMS = (
    *("item_id", "job_id", "seq", "name", "status", "error_code", "top_label", "in_distribution"),
    *("flags", "bundle", "runtime", "attempt", "probabilities", "findings", "lungs"),
    *("error_reason", "reused", "duplicate_of", "external_id", "metadata"),
    *("study_hash", "patient_hash"),
)


def flat(row: Row) -> dict[str, Any]:
    """A row as one object; the findings stay nested."""
    item, entry = row
    if item is not None:
        told, outcome = _of_item(item), _outcome(item)
    elif entry is not None:
        nothing: dict[str, Any] = {"flags": [], "probabilities": {}, "findings": []}
        told = dict.fromkeys(_OF_ITEMS) | nothing
        told |= {"name": entry.name, "status": str(entry.outcome)}
        outcome = entry.outcome
    else:
        raise ValueError("a row tells of an item, of an entry, or of both")
    size, sha256 = (None, None) if entry is None else (entry.size, entry.sha256)
    came = {"outcome": str(outcome), "size": size, "sha256": sha256}
    return told | {"research_use_only": True} | came


def _outcome(item: Item) -> EntryOutcome:
    """What became of a film when it came, whatever became of it afterwards."""
    if item.film is None:
        return EntryOutcome.REJECTED
    return EntryOutcome.DUPLICATE if item.duplicate_of else EntryOutcome.ACCEPTED


def _of_item(item: Item) -> dict[str, Any]:
    prediction = item.prediction
    findings = [] if prediction is None else told_findings(prediction)
    return {
        "item_id": item.id,
        "job_id": item.job_id,
        "seq": item.seq,
        "name": item.name,
        "status": str(item.status),
        "error_code": item.error_code,
        "top_label": prediction and prediction.top_label,
        "in_distribution": prediction and prediction.in_distribution,
        "flags": [] if prediction is None else list(prediction.flags),
        "bundle": prediction and prediction.bundle,
        "runtime": prediction and prediction.runtime,
        "attempt": item.attempt,
        "probabilities": {finding["label"]: finding["probability"] for finding in findings},
        "findings": findings,
        "lungs": prediction and told_lungs(prediction),
        "error_reason": item.error_reason,
        "reused": item.reused,
        "duplicate_of": item.duplicate_of,
        "external_id": item.external_id,
        "metadata": item.metadata,
        "study_hash": item.study_hash,
        "patient_hash": item.patient_hash,
    }


def told_findings(prediction: Prediction) -> list[dict[str, Any]]:
    """The findings, without what only drawing needs."""
    return [{key: finding[key] for key in _TOLD} for finding in prediction.findings]


def told_lungs(prediction: Prediction) -> dict[str, Any]:
    """What was found of the lungs, in numbers."""
    return {key: prediction.lungs[key] for key in ("count", "area_share")}
