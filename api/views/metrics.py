"""/metrics: for Prometheus."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import Response, current_app
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from api.access import needs
from api.documented import Answers
from lungline.domain import Scope

metrics = APIBlueprint("metrics", __name__, tag="Operations")


_ANSWERS: Answers = {
    200: {
        "description": "Prometheus text format.",
        "content": {"text/plain": {"schema": {"type": "string"}}},
    }
}


@metrics.get("/metrics")
@needs(Scope.MONITOR, Scope.ADMIN)
@metrics.doc(operation_id="getMetrics", responses=_ANSWERS)
def get_metrics() -> Response:
    """Show the requests that were answered and the state of the queue."""
    registry = current_app.extensions["lungline_metrics"]
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
