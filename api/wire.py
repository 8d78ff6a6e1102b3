"""Jobs and items as the API tells them: plain dictionaries, times in ISO 8601 UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lungline.domain import EntryOutcome, JobStatus
from storage import pace
from storage.entries import Entry
from storage.items import Failure, Item
from storage.jobs import Job
from storage.predictions import Prediction
from storage.results.rows import told_findings, told_lungs

Wire = dict[str, Any]
UNKNOWN = "unknown"
PICTURES = ("film", "mask", "heatmap", "clahe", "overlay")


def iso(seconds: float | None) -> str | None:
    """Seconds since the epoch as ISO 8601 with milliseconds, in UTC."""
    if seconds is None:
        return None
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def job_wire(job: Job) -> Wire:
    """A job with its counts, rate and links."""
    rate = films_per_second(job)
    left = eta_seconds(job, rate)
    return {
        "id": job.id,
        "name": job.name,
        "status": str(job.status),
        "bundle": job.bundle,
        "priority": job.priority.name.lower(),
        "paused": job.paused,
        "source": job.source,
        "from_job": job.from_job,
        "metadata": job.metadata,
        "counts": {
            "total": job.total,
            "queued": job.queued,
            "running": job.running,
            "succeeded": job.succeeded,
            "failed": job.failed,
            "cancelled": job.cancelled,
            "reused": job.reused,
        },
        "expansion": _expansion(job),
        "queue_position": job.position,
        "rate_films_per_second": rate,
        "eta_seconds": left,
        "eta": _eta(job, left),
        "error": _error(job.error_code, job.error_reason),
        "created_at": iso(job.created_at),
        "started_at": iso(job.started_at),
        "finished_at": iso(job.finished_at),
        "expires_at": iso(job.expires_at),
        "links": job_links(job.id),
    }


def job_links(job_id: str) -> dict[str, str]:
    """Where a job's resources are."""
    base = f"/v1/jobs/{job_id}"
    lists = {name: f"{base}/{name}" for name in ("items", "entries", "results")}
    return {"self": base, **lists}


def films_per_second(job: Job) -> float | None:
    """Films read a second: over the last minute, of an ended job from its first claim to its end.

    Films answered from an earlier prediction were not read and do not count. None: none was read.
    """
    if job.finished_at is None:
        return pace.films_per_second(job)
    read = job.succeeded + job.failed - job.reused - (job.done_before or 0)
    if job.first_claim_at is None or read <= 0:
        return None
    return round(read / max(job.finished_at - job.first_claim_at, 0.001), 3)


def eta_seconds(job: Job, rate: float | None) -> float | None:
    """Seconds until the job ends at the present rate; None: unknown."""
    status = job.status
    if status.terminal:
        return 0.0
    if job.paused or not rate or status not in (JobStatus.RUNNING, JobStatus.EXPANDING):
        return None
    left = job.queued + job.running
    if status is JobStatus.EXPANDING:
        if job.entries_total is None:
            return None
        left += max(0, job.entries_total - job.entries_seen)
    return round(left / rate, 1)


def _eta(job: Job, left: float | None) -> str:
    """When the job ends, or ended; `unknown` where nobody can tell."""
    if job.finished_at is not None:
        return str(iso(job.finished_at))
    return UNKNOWN if left is None else str(iso(job.read_at + left))


def item_wire(item: Item) -> Wire:
    """An item with its findings and links."""
    return {
        "id": item.id,
        "job_id": item.job_id,
        "seq": item.seq,
        "name": item.name,
        "external_id": item.external_id,
        "metadata": item.metadata,
        "status": str(item.status),
        "attempt": item.attempt,
        "reused": item.reused,
        "duplicate_of": item.duplicate_of,
        "study_hash": item.study_hash,
        "patient_hash": item.patient_hash,
        "error": _error(item.error_code, item.error_reason),
        "film": _film(item),
        "prediction": None if item.prediction is None else prediction_wire(item.prediction),
        "research_use_only": True,
        "created_at": iso(item.created_at),
        "started_at": iso(item.started_at),
        "finished_at": iso(item.finished_at),
        "links": item_links(item),
    }


def entry_wire(entry: Entry) -> Wire:
    """An entry of an archive, and what became of it."""
    return {
        "seq": entry.seq,
        "name": entry.name,
        "outcome": str(entry.outcome),
        "item_id": entry.item_id,
        "duplicate_of": entry.duplicate_of,
        "size": entry.size,
        "sha256": entry.sha256,
        "error": _error(entry.error_code, entry.error_reason),
    }


def failure_wire(failure: Failure) -> Wire:
    """How an item failed before it was retried."""
    return {
        "attempt": failure.attempt,
        "error": _error(failure.error_code, failure.error_reason),
        "finished_at": iso(failure.finished_at),
        "retried_at": iso(failure.retried_at),
    }


def item_links(item: Item) -> dict[str, str | None]:
    """Where an item's pictures are; None where there is none, or none any more."""
    base = f"/v1/items/{item.id}"
    stored = item.film is not None and item.film.dropped_at is None
    links: dict[str, str | None] = {"self": base}
    for kind in PICTURES:
        there = stored and (kind == "film" or item.prediction is not None)
        links[kind] = f"{base}/{kind}" if there else None
    return links


def prediction_wire(prediction: Prediction) -> Wire:
    """A prediction without its maps."""
    return {
        "bundle": prediction.bundle,
        "runtime": prediction.runtime,
        "top_label": prediction.top_label,
        "findings": told_findings(prediction),
        "in_distribution": prediction.in_distribution,
        "flags": list(prediction.flags),
        "lungs": told_lungs(prediction),
    }


def _film(item: Item) -> Wire | None:
    film = item.film
    if film is None:
        return None
    return {
        "sha256": film.sha256,
        "format": str(film.format),
        "width": film.width,
        "height": film.height,
        "dropped_at": iso(film.dropped_at),
    }


def _expansion(job: Job) -> Wire | None:
    if job.source == "films":
        return None
    return {
        "entries_seen": job.entries_seen,
        "entries_total": job.entries_total,
        **{str(outcome): getattr(job, f"entries_{outcome}") for outcome in EntryOutcome},
    }


def _error(code: str | None, reason: str | None) -> Wire | None:
    return None if code is None else {"code": code, "reason": reason}
