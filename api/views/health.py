"""/healthz, /readyz: for whatever starts, watches and balances the service."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from apiflask import APIBlueprint
from flask import Response, jsonify

from api.access import open_to_all
from api.context import parts
from api.documented import Answers, problems
from api.problems import problem
from lungline.errors import DatabaseUnavailable, LunglineError, PartUnavailable
from lungline.queueing import Queue

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
    alone is only `degraded`.
    """
    states = part_states()
    if "down" in (states["database"], states["store"], states["space"]):
        down = ", ".join(name for name, state in states.items() if state == "down")
        return problem(PartUnavailable(f"Not answering: {down}."), parts=states)
    status = "degraded" if "down" in states.values() else "ready"
    return jsonify({"status": status, "parts": states})


def part_states() -> dict[str, str]:
    """Say of each part whether it answers: `ok` or `down`."""
    return {name: _state(check) for name, check in _checks().items()}


def _checks() -> dict[str, Callable[[], Any]]:
    here = parts()
    return {
        "database": here.database.check,
        "store": here.store.check,
        "space": here.space.check,
        "broker": lambda: here.permits.ready(Queue.ANALYZE),
        "workers": _readers,
    }


def _readers() -> None:
    """Look whether films that wait are read by anybody, on whatever machine.

    Raises:
        PartUnavailable: Nobody has read any for `LUNGLINE_STALL_SECONDS` (or a minute).
    """
    here = parts()
    try:
        idle = here.overview.read().idle_seconds
    except DatabaseUnavailable:  # told by itself; of the readers nothing is known
        return
    if idle > (here.settings.stall_seconds or 60.0):
        raise PartUnavailable("Nobody reads the films that wait.")


def _state(check: Callable[[], Any]) -> str:
    try:
        check()
    except LunglineError:
        return "down"
    return "ok"
