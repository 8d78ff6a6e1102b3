"""The API over a real database (SQLite) and a real store (a folder), in this process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
import structlog
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.application import create_app
from api.parts import Parts
from lungline.domain import DEFAULT_TENANT
from lungline.settings import Settings
from storage.claims import Outcome
from storage.database import Database
from storage.models import Base
from storage.predictions import NewPrediction

LABELS = ("normal", "bacterial_pneumonia", "viral_pneumonia")
BUNDLE = "paediatric-pneumonia@0.1.0"
BOUNDARY = "b0undary"
_LOG_LINES: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.format_exc_info,
    structlog.processors.JSONRenderer(),
]
NO_BROKER = "redis://127.0.0.1:1/0"


@dataclass(frozen=True, slots=True)
class Service:
    """An application under test."""

    app: Flask
    parts: Parts
    client: FlaskClient

    def submit(self, *films: tuple[str, bytes], **fields: str) -> TestResponse:
        """Send films in a form."""
        return self.client.post("/v1/jobs", **form(*films, **fields))

    def job(self, *films: tuple[str, bytes], **fields: str) -> dict[str, Any]:
        """Send films in a form and return the job."""
        answer = self.submit(*films, **fields)
        assert answer.status_code == 202, answer.text
        return dict(answer.get_json())

    def read_all(self, *, fail: frozenset[str] = frozenset()) -> int:
        """Read all queued films as a worker would; items named in `fail` fail."""
        count = 0
        claims = self.parts.repository.claims
        while batch := claims.claim("w1", limit=64, lease_seconds=60, hard_seconds=60):
            outcomes = []
            for claimed in batch.items:
                name = self.parts.repository.items.get(DEFAULT_TENANT, claimed.id).name
                if name in fail:
                    outcomes.append(Outcome(claimed.id, None, ("truncated", "It is cut off.")))
                    continue
                key = f"{DEFAULT_TENANT}/masks/{claimed.film.sha256}/{BUNDLE}.png"
                self.parts.store.put(key, lung_mask())
                outcomes.append(Outcome(claimed.id, prediction(mask_key=key), None))
            count += claims.finish(batch.lease_id, outcomes)
        return count


@contextmanager
def service(folder: Path, **overrides: Any) -> Iterator[Service]:
    """Start the application on an empty database and store in `folder`."""
    made = settings(folder, **overrides)
    parts = Parts(made)
    if "database_url" not in overrides:
        database = made.data_dir / "lungline.db"
        if not database.exists():
            database.write_bytes(_empty_database())
    app = create_app(made, parts)
    app.testing = True
    # As in production: an error must become an answer.
    app.config["PROPAGATE_EXCEPTIONS"] = False
    structlog.configure(processors=_LOG_LINES)
    try:
        with app.test_client() as client:
            yield Service(app, parts, client)
    finally:
        structlog.reset_defaults()
        parts.close()


@cache
def _empty_database() -> bytes:
    """A SQLite file with empty tables; copying it is quicker than making it."""
    with TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/empty.db")
        with database.write() as connection:
            Base.metadata.create_all(connection)
        database.dispose()
        return Path(folder, "empty.db").read_bytes()


def settings(folder: Path, **overrides: Any) -> Settings:
    """Settings of a stack in `folder`, without a broker unless one is named."""
    write_bundle(folder / "bundles")
    values: dict[str, Any] = {
        "data_dir": folder / "data",
        "bundles_dir": folder / "bundles",
        "broker_url": NO_BROKER,
        "max_film_bytes": 2_000_000,
        "spool_dir": folder,
    }
    (folder / "data").mkdir(exist_ok=True)
    return Settings(**(values | overrides))


def write_bundle(folder: Path, version: str = "0.1.0") -> None:
    """Write as much of a bundle as the API looks at."""
    path = folder / f"paediatric-pneumonia-{version}"
    path.mkdir(parents=True, exist_ok=True)
    labels = [{"name": label} for label in LABELS]
    manifest = {"name": "paediatric-pneumonia", "version": version, "labels": labels}
    (path / "manifest.json").write_text(json.dumps(manifest))


def form(*films: tuple[str, bytes], **fields: str) -> dict[str, Any]:
    """Films and fields as arguments of the test client's `post`."""
    parts = [(field, None, value.encode()) for field, value in fields.items()]
    body = multipart(*parts, *(("films", name, data) for name, data in films))
    return {"data": body, "content_type": f"multipart/form-data; boundary={BOUNDARY}"}


def multipart(*parts: tuple[str, str | None, bytes]) -> bytes:
    """Build a form of parts: field, file name or None, content."""
    body = b""
    for field, name, content in parts:
        file = f'; filename="{name}"' if name is not None else ""
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"{file}\r\n\r\n'
        body += head.encode() + content + b"\r\n"
    return body + f"--{BOUNDARY}--\r\n".encode()


def lung_mask() -> bytes:
    """A lung mask of two ovals, as a worker stores it."""
    mask = np.zeros((256, 256), np.uint8)
    for x in (80, 176):
        cv2.ellipse(mask, (x, 128), (36, 80), 0, 0, 360, 255, -1)
    return bytes(cv2.imencode(".png", mask)[1])


def prediction(**changes: Any) -> NewPrediction:
    """A reading in which bacterial pneumonia leads."""
    probabilities = (0.1, 0.7, 0.2)
    findings = [
        {
            "label": label,
            "probability": probability,
            "score": probability * 4,
            "threshold": 0.5,
            "positive": probability > 0.5,
        }
        for label, probability in zip(LABELS, probabilities, strict=True)
    ]
    heat = np.zeros((3, 7, 7))
    heat[1, 4, 2] = 3.0
    values: dict[str, Any] = {
        "runtime": "openvino",
        "top_label": LABELS[1],
        "findings": findings,
        "in_distribution": None,
        "flags": [],
        "lungs": {"count": 2, "area_share": 0.3},
        "region": [0.1, 0.1, 0.9, 0.95],
        "activation": heat.tolist(),
    }
    return NewPrediction(**(values | changes))
