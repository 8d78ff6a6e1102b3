"""/v1/jobs/{id}/changes: what a second reading found otherwise."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint, Schema
from apiflask.fields import Dict, Float, Integer, List, Nested, String
from flask import Response

from api.access import needs
from api.audit import audited
from api.conditional import Answer, conditional, tag_of
from api.context import checked_job_id, parts, tenant
from api.documented import UNCHANGED, problems
from api.paging import next_link
from api.schemas import PageQuery
from lungline.domain import Scope
from lungline.errors import InvalidParameter, JobNotFound, NotReadAgain, SourceGone
from storage.audit import Action
from storage.changes import Change, Move, Reading

changes = APIBlueprint("changes", __name__, url_prefix="/v1", tag="Jobs")


class ChangedReading(Schema):
    """What one of the two jobs found on a film."""

    item_id = String(required=True)
    top_label = String(required=True)
    probabilities = Dict(
        keys=String(), values=Float(), required=True, metadata={"description": "Calibrated."}
    )


class ChangedFilm(Schema):
    """A film whose top label differs. For research use only."""

    seq = Integer(required=True, metadata={"description": "Its place in the first job."})
    name = String(required=True)
    external_id = String(required=True, allow_none=True)
    before = Nested(ChangedReading, required=True, data_key="from")
    after = Nested(ChangedReading, required=True, data_key="to")


class Moved(Schema):
    """Films with one top label in the first job, and one in this; null: not read there."""

    before = String(required=True, allow_none=True, data_key="from")
    after = String(required=True, allow_none=True, data_key="to")
    count = Integer(required=True)


class ChangePage(Schema):
    """Some films whose top label differs, in the order of the first job."""

    items = List(Nested(ChangedFilm), required=True)
    summary = List(
        Nested(Moved),
        required=True,
        allow_none=True,
        metadata={"description": "All films, unchanged ones too. Null on pages after the first."},
    )
    next = String(required=True, allow_none=True, metadata={"description": "The next cursor."})


@changes.get("/jobs/<job_id>/changes")
@needs(Scope.READ)
@audited(Action.RESULTS_READ)
@changes.input(PageQuery, location="query", arg_name="query")
@changes.output(ChangePage)
@changes.doc(
    operation_id="listChanges",
    responses=UNCHANGED | problems(JobNotFound, NotReadAgain, SourceGone, InvalidParameter),
)
def list_changes(job_id: str, query: dict[str, Any]) -> Answer | Response:
    """List films of a job made of another (`from_job`) whose top label differs between the two.

    Where little changed a page may be shorter than `limit`, and yet have a next one.
    """
    found, job_id = parts().repository.changes, checked_job_id(job_id)
    cursor = query["cursor"]
    page = found.page(tenant(), job_id, limit=query["limit"], cursor=cursor)
    summary = found.summary(tenant(), job_id) if cursor is None else None
    body = {
        "items": [_change(change) for change in page.items],
        "summary": None if summary is None else [_move(move) for move in summary],
        "next": page.next_cursor,
    }
    headers = {} if page.next_cursor is None else {"Link": next_link(page.next_cursor)}
    return conditional(tag_of(repr(body)), lambda: body, headers)


def _change(change: Change) -> dict[str, Any]:
    return {
        "seq": change.seq,
        "name": change.name,
        "external_id": change.external_id,
        "before": _reading(change.before),
        "after": _reading(change.after),
    }


def _reading(reading: Reading) -> dict[str, Any]:
    return {
        "item_id": reading.item_id,
        "top_label": reading.top_label,
        "probabilities": {each["label"]: each["probability"] for each in reading.findings},
    }


def _move(move: Move) -> dict[str, Any]:
    return {"before": move.before, "after": move.after, "count": move.count}
