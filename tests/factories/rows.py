"""Rows for tests of the database: films, jobs, predictions, made through the repository."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from lungline.domain import DEFAULT_TENANT, FilmFormat, Priority, new_id
from storage.claims import Batch, Outcome
from storage.entries import NewEntry
from storage.intake.film import IntakenFilm
from storage.items import NewItem
from storage.jobs import Job
from storage.predictions import NewPrediction
from storage.repository import Repository

BUNDLE = "paediatric-pneumonia@0.1.0"
LABELS = ("normal", "bacterial_pneumonia", "viral_pneumonia")
WORKER = "worker-1"


def a_film(seed: str | None = None, tenant: str = DEFAULT_TENANT) -> IntakenFilm:
    """A film as intake hands it over; the same seed gives the same bytes."""
    digest = hashlib.sha256((seed or new_id()).encode()).hexdigest()
    return IntakenFilm(digest, FilmFormat.PNG, 1_000, 640, 480, f"{tenant}/films/{digest}")


def some_films(count: int, prefix: str | None = None) -> list[NewItem]:
    """Items of distinct films."""
    stem = prefix or new_id()
    return [NewItem(f"{n}.png", a_film(f"{stem}{n}")) for n in range(count)]


def a_bad_film(code: str = "truncated") -> NewItem:
    """An item that intake refused."""
    return NewItem("bad.png", None, (code, "The file ends before its picture does."))


def entries_of(items: Iterable[NewItem]) -> list[NewEntry]:
    """Entries of an archive that holds these films and nothing else."""
    return [NewEntry(item.name, item, 1_000) for item in items]


def submit(
    repo: Repository,
    items: int | Iterable[NewItem] = 1,
    tenant: str = DEFAULT_TENANT,
    **fields: Any,
) -> Job:
    """Make a job of films."""
    values: dict[str, Any] = {
        "job_id": new_id(),
        "name": "a job",
        "metadata": {},
        "bundle": BUNDLE,
        "priority": Priority.NORMAL,
        "idempotency_key": None,
        "request_hash": None,
        "items": some_films(items) if isinstance(items, int) else list(items),
    }
    return repo.jobs.create_with_films(tenant, **(values | fields)).job


def submit_archive(repo: Repository, tenant: str = DEFAULT_TENANT, **fields: Any) -> Job:
    """Make a job of an archive that waits for an expander."""
    values: dict[str, Any] = {
        "job_id": new_id(),
        "name": "an archive",
        "metadata": {},
        "bundle": BUNDLE,
        "priority": Priority.NORMAL,
        "idempotency_key": None,
        "request_hash": None,
        "archive_key": f"{tenant}/uploads/{new_id()}",
        "archive_size": 12_345,
    }
    return repo.jobs.create_with_archive(tenant, **(values | fields)).job


def a_prediction(top_label: str = "normal") -> NewPrediction:
    """What a worker found."""
    return NewPrediction(
        runtime="openvino",
        top_label=top_label,
        findings=[
            {
                "label": label,
                "probability": 0.8 if label == top_label else 0.1,
                "score": 1.5,
                "threshold": 0.5,
                "positive": label == top_label,
            }
            for label in LABELS
        ],
        in_distribution=None,
        flags=[],
        lungs={"count": 2, "area_share": 0.31},
        region=[0.0, 0.0, 640.0, 480.0],
        activation=[[[0.25] * 7] * 7] * len(LABELS),
        mask_key=f"{DEFAULT_TENANT}/masks/x.png",
    )


def claim(repo: Repository, limit: int = 8, worker: str = WORKER) -> Batch | None:
    """Claim with the default times: lease 12 s, hard end 120 s."""
    return repo.claims.claim(worker, limit=limit, lease_seconds=12.0, hard_seconds=120.0)


def must_claim(repo: Repository, limit: int = 8, worker: str = WORKER) -> Batch:
    """Claim when there has to be work."""
    batch = claim(repo, limit, worker)
    assert batch is not None
    return batch


def read(batch: Batch, top_label: str = "normal") -> list[Outcome]:
    """Outcomes of a batch that was read without a fault."""
    return [Outcome(item.id, a_prediction(top_label)) for item in batch.items]


def read_all(repo: Repository, limit: int = 8) -> int:
    """Read until there is nothing left; count the films."""
    films = 0
    while (batch := claim(repo, limit)) is not None:
        films += repo.claims.finish(batch.lease_id, read(batch))
    return films
