"""/v1/audit: who did what, for administrators."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint, Schema
from apiflask.fields import Integer, List, Nested, String
from apiflask.validators import OneOf
from flask import Response

from api.access import needs
from api.conditional import Answer
from api.context import parts
from api.documented import UNCHANGED, problems
from api.paging import page_answer
from api.schemas import PageQuery
from api.wire import iso
from lungline.domain import Scope
from lungline.errors import InvalidParameter
from storage.audit import Action, AuditEvent
from storage.pages import seq_after

audit = APIBlueprint("audit", __name__, url_prefix="/v1", tag="Keys")


class Event(Schema):
    """Somebody did something."""

    id = Integer(required=True)
    at = String(required=True, metadata={"format": "date-time"})
    tenant = String(required=True, metadata={"description": "Of the key."})
    key_id = String(
        required=True,
        allow_none=True,
        metadata={"description": "Null in a service without keys."},
    )
    action = String(required=True, validate=OneOf([str(action) for action in Action]))
    target = String(
        required=True,
        allow_none=True,
        metadata={
            "description": "The id of the job, upload, export, key or webhook; of a model its "
            "key. What is read of a film, or found by a search, names its job."
        },
    )
    request_id = String(required=True, metadata={"description": "Also in the service's logs."})


class EventPage(Schema):
    """Some events."""

    items = List(Nested(Event), required=True)
    next = String(required=True, allow_none=True)


class AuditQuery(PageQuery):
    """Which events."""

    tenant = String(load_default=None, metadata={"description": "Only those of its keys."})


@audit.get("/audit")
@needs(Scope.ADMIN)
@audit.input(AuditQuery, location="query", arg_name="query")
@audit.output(EventPage)
@audit.doc(operation_id="listAudit", responses=UNCHANGED | problems(InvalidParameter))
def list_audit(query: dict[str, Any]) -> Answer | Response:
    """List who submitted, read, deleted what, who changed keys, models, webhooks; newest first."""
    cursor = None if query["cursor"] is None else seq_after(query["cursor"])
    page = parts().repository.audit.page(
        limit=query["limit"], cursor=cursor, tenant=query["tenant"]
    )
    return page_answer(page, _wire, lambda event: event.id)


def _wire(event: AuditEvent) -> dict[str, Any]:
    names = ("id", "tenant", "key_id", "action", "target", "request_id")
    return {name: getattr(event, name) for name in names} | {"at": iso(event.at)}
