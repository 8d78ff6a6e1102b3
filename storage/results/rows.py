"""An item and its findings as one row, whatever the format."""

from __future__ import annotations

from typing import Any

from storage.items import Item
from storage.predictions import Prediction

_TOLD = ("label", "probability", "score", "threshold", "positive")


def flat(item: Item) -> dict[str, Any]:
    """An item as one row; the findings stay nested."""
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
        "research_use_only": True,
    }


def told_findings(prediction: Prediction) -> list[dict[str, Any]]:
    """The findings, without what only drawing needs."""
    return [{key: finding[key] for key in _TOLD} for finding in prediction.findings]


def told_lungs(prediction: Prediction) -> dict[str, Any]:
    """What was found of the lungs, in numbers."""
    return {key: prediction.lungs[key] for key in ("count", "area_share")}
