"""What a tenant has submitted, month by month."""

from __future__ import annotations

from apiflask import APIBlueprint, Schema
from apiflask.fields import Integer, List, Nested, String

from api.access import needs
from api.conditional import Answer
from api.context import parts, tenant
from lungline.domain import Scope

usage = APIBlueprint("usage", __name__, url_prefix="/v1", tag="Jobs")


class UsageMonth(Schema):
    """Films that were submitted in a month, whether their jobs are still there or not."""

    month = String(required=True, metadata={"description": "In UTC.", "example": "2026-01"})
    films = Integer(required=True, metadata={"description": "Taken in, each time they came."})
    bytes = Integer(required=True, metadata={"description": "Of these films, as stored."})


class UsageReport(Schema):
    """What the tenant has, and what it submitted."""

    tenant = String(required=True, metadata={"example": "default"})
    open_jobs = Integer(required=True, metadata={"description": "Jobs that have not ended, now."})
    months = List(Nested(UsageMonth), required=True, metadata={"description": "Newest first."})


@usage.get("/usage")
@needs(Scope.READ)
@usage.output(UsageReport)
@usage.doc(operation_id="getUsage")
def get_usage() -> Answer:
    """Tell how many films and bytes the tenant submitted in each month, and its open jobs."""
    repository = parts().repository
    months = repository.usage.months(tenant())
    wire = {
        "tenant": tenant(),
        "open_jobs": repository.quotas.allowance(tenant()).used.open_jobs,
        "months": [
            {"month": each.month, "films": each.films, "bytes": each.bytes} for each in months
        ],
    }
    return wire, 200, {"Cache-Control": "no-store"}
