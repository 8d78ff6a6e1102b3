"""/v1/jobs/{id}/rows: a little of every film, for tables of many."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint, Schema
from apiflask.fields import Boolean, Float, Integer, List, String
from apiflask.validators import Range
from flask import Response

from api.access import needs
from api.audit import audited
from api.conditional import Answer, conditional, tag_of
from api.context import checked_job_id, parts, tenant
from api.documented import UNCHANGED, problems
from api.queries import Query
from lungline.domain import Scope
from lungline.errors import InvalidParameter, JobNotFound
from storage.audit import Action
from storage.rows import ShortItem

rows = APIBlueprint("rows", __name__, url_prefix="/v1", tag="Jobs")

MOST_ROWS = 5_000
_DIGITS = 4
_FIELDS = ("seq", "id", "name", "top_label", "in_distribution", "flags")


class RowsQuery(Query):
    """Which rows."""

    first = Integer(
        load_default=0, validate=Range(0, 2**31 - 1), metadata={"description": "The least `seq`."}
    )
    limit = Integer(
        load_default=1_000,
        validate=Range(1, MOST_ROWS),
        metadata={"description": "Places in the job's order; any range costs the same."},
    )


class ItemRows(Schema):
    """Films of a job in short, column by column: the same place in each list is the same film."""

    labels = List(
        String(),
        required=True,
        metadata={"description": "The label set, in the order of `probabilities`."},
    )
    seq = List(Integer(), required=True)
    id = List(String(), required=True)
    name = List(String(), required=True)
    status = List(String(), required=True)
    error_code = List(String(allow_none=True), required=True)
    error_reason = List(String(allow_none=True), required=True)
    duplicate = List(Boolean(), required=True)
    top_label = List(
        String(allow_none=True),
        required=True,
        metadata={"description": "Null: it has not been read. For research use only."},
    )
    probabilities = List(
        List(Float(), allow_none=True), required=True, metadata={"description": "Calibrated."}
    )
    positive = List(
        List(String(), allow_none=True),
        required=True,
        metadata={"description": "Labels that pass their operating threshold."},
    )
    in_distribution = List(Boolean(allow_none=True), required=True)
    flags = List(List(String(), allow_none=True), required=True)


@rows.get("/jobs/<job_id>/rows")
@needs(Scope.READ)
@audited(Action.RESULTS_READ)
@rows.input(RowsQuery, location="query", arg_name="query")
@rows.output(ItemRows)
@rows.doc(operation_id="listRows", responses=UNCHANGED | problems(JobNotFound, InvalidParameter))
def list_rows(job_id: str, query: dict[str, Any]) -> Answer | Response:
    """List a range of a job's films in short, for tables that sort and filter by themselves.

    Films of a job have the places 0, 1, 2 and so on: `first` may be any of them. For research use
    only.
    """
    found = parts().repository.rows.range(
        tenant(), checked_job_id(job_id), query["first"], query["limit"]
    )
    versions = ((row.id, str(row.status), row.error_code, row.top_label) for row in found)
    return conditional(tag_of(*versions), lambda: _columns(found))


def _columns(found: list[ShortItem]) -> dict[str, Any]:
    findings = [row.findings for row in found]
    labels = next(([str(each["label"]) for each in some] for some in findings if some), [])
    return {
        "labels": labels,
        **{field: [getattr(row, field) for row in found] for field in _FIELDS},
        "status": [str(row.status) for row in found],
        "error_code": [row.error_code for row in found],
        "error_reason": [row.error_reason for row in found],
        "duplicate": [row.duplicate_of is not None for row in found],
        "probabilities": [some and _probabilities(some) for some in findings],
        "positive": [
            some and [each["label"] for each in some if each["positive"]] for some in findings
        ],
    }


def _probabilities(findings: list[dict[str, Any]]) -> list[float]:
    return [round(float(each["probability"]), _DIGITS) for each in findings]
