"""/healthz, /readyz: for whatever starts, watches and balances the service."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import Response, jsonify

from api.access import open_to_all
from api.context import parts
from api.documented import Answers, problems
from api.problems import problem
from api.readiness import DOWN
from lungline.errors import PartUnavailable

health = APIBlueprint("health", __name__, tag="Operations")

_STATE = {"application/json": {"schema": {"$ref": "#/components/schemas/Health"}}}
_HEALTH: Answers = {200: {"description": "The process answers.", "content": _STATE}}
_READINESS: Answers = {
    200: {
        "description": "Submissions are taken; `degraded`: without the broker or a reader.",
        "content": _STATE,
    },
    **problems(PartUnavailable),
}


@health.get("/healthz")
@open_to_all
@health.doc(operation_id="getHealth", responses=_HEALTH)
def healthz() -> Response:
    """Say that the process answers, whatever its parts do."""
    return jsonify({"status": "ok"})


@health.get("/readyz")
@open_to_all
@health.doc(operation_id="getReadiness", responses=_READINESS)
def readyz() -> Response:
    """Say whether submissions are taken, and which part is down.

    Without the broker, or while nobody reads although films wait, jobs are taken and wait, so that
    alone is only `degraded`. Parts are asked at most once a second, however many ask for them.
    """
    states = parts().readiness.states()
    if DOWN in (states["database"], states["store"], states["space"]):
        down = ", ".join(name for name, state in states.items() if state == DOWN)
        return problem(PartUnavailable(f"Not answering: {down}."), parts=states)
    status = "degraded" if DOWN in states.values() else "ready"
    return jsonify({"status": status, "parts": states})
