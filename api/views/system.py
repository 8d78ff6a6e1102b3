"""/v1/system: how the service stands, in one answer for people who watch it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from apiflask import APIBlueprint, Schema
from apiflask.fields import Dict, Float, Integer, List, Nested, String

import lungline
from api.access import needs
from api.conditional import Answer
from api.context import parts
from api.parts import Parts
from lungline.domain import Scope
from lungline.errors import BrokerUnavailable, DatabaseUnavailable
from lungline.queueing import Queue
from storage.busy import busy_workers

system = APIBlueprint("system", __name__, url_prefix="/v1", tag="Operations")

_READY = "*.ready"  # see workers/ready.py


class QueueNumbers(Schema):
    """The queue of record, over all tenants."""

    jobs = Dict(keys=String(), values=Integer(), required=True)
    films = Dict(keys=String(), values=Integer(), required=True)
    oldest_queued_seconds = Float(
        required=True, metadata={"description": "Age of the oldest job whose films wait."}
    )


class Worker(Schema):
    """A worker process with films in its hands."""

    name = String(required=True)
    films = Integer(required=True)
    since_seconds = Float(required=True)


class Workers(Schema):
    """Who reads."""

    ready = Integer(
        required=True,
        allow_none=True,
        metadata={"description": "On the machine of the API; null: none ever ran there."},
    )
    busy = List(Nested(Worker), required=True)


class System(Schema):
    """How the service stands."""

    version = String(required=True)
    runtime = String(required=True)
    precision = String(required=True)
    parts = Dict(keys=String(), values=String(), required=True)
    queue = Nested(QueueNumbers, required=True, allow_none=True)
    permits = Dict(
        keys=String(),
        values=Integer(),
        required=True,
        allow_none=True,
        metadata={"description": "Messages that wait in the broker; null: it does not answer."},
    )
    workers = Nested(Workers, required=True)


@system.get("/system")
@needs(Scope.MONITOR, Scope.ADMIN)
@system.output(System)
@system.doc(operation_id="getSystem")
def get_system() -> Answer:
    """Tell how parts, queue and workers stand. Where a part is down, what it knows is null."""
    here = parts()
    wire = {
        "version": lungline.__version__,
        "runtime": here.settings.runtime,
        "precision": here.settings.precision,
        "parts": here.readiness.states(),
        "permits": _permits(here),
        **_from_database(here),
    }
    return wire, 200, {"Cache-Control": "no-store"}


def _from_database(here: Parts) -> dict[str, Any]:
    ready = _ready_here(here.settings.data_dir / "run")
    try:
        state, busy = here.overview.read(), busy_workers(here.database)
    except DatabaseUnavailable:
        return {"queue": None, "workers": {"ready": ready, "busy": []}}
    queue = {
        "jobs": state.jobs,
        "films": state.items,
        "oldest_queued_seconds": round(state.oldest_queued_seconds, 1),
    }
    told = [
        {"name": one.worker, "films": one.films, "since_seconds": round(one.since_seconds, 1)}
        for one in busy
    ]
    return {"queue": queue, "workers": {"ready": ready, "busy": told}}


def _permits(here: Parts) -> dict[str, int] | None:
    try:
        return {str(queue): here.permits.ready(queue) for queue in Queue}
    except BrokerUnavailable:
        return None


def _ready_here(run: Path) -> int | None:
    return len(list(run.glob(_READY))) if run.is_dir() else None
