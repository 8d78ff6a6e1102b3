"""/v1/items: one film of a job with its findings."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint
from flask import Response

from api import schemas
from api.access import needs
from api.audit import audit_target, audited
from api.conditional import Answer, conditional, item_version, tag_of
from api.context import checked_item_id, checked_job_cursor, parts, tenant
from api.documented import UNCHANGED, Answers, problems
from api.paging import metadata_conditions, page_answer
from api.wire import item_wire
from lungline.domain import Scope
from lungline.errors import InvalidParameter, ItemNotFound
from storage.audit import Action

items = APIBlueprint("items", __name__, url_prefix="/v1", tag="Items")

# By reference: this address comes before those that the schema of an item is registered with.
_FOUND: Answers = {
    200: {
        "description": "The items.",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ItemPage"}}},
    }
}


@items.get("/items/<item_id>")
@needs(Scope.READ)
@audited(Action.RESULTS_READ)
@items.output(schemas.Item)
@items.doc(operation_id="getItem", responses=UNCHANGED | problems(ItemNotFound))
def get_item(item_id: str) -> Answer | Response:
    """Tell where a film stands, and its findings once it was read. For research use only."""
    item = parts().repository.items.get(tenant(), checked_item_id(item_id))
    audit_target(item.job_id)
    return conditional(tag_of(*item_version(item)), lambda: item_wire(item))


@items.get("/items")
@needs(Scope.READ)
@audited(Action.RESULTS_READ)
@items.input(schemas.FindQuery, location="query", arg_name="query")
@items.doc(operation_id="findItems", responses=_FOUND | UNCHANGED | problems(InvalidParameter))
def find_items(query: dict[str, Any]) -> Answer | Response:
    """Find items of all jobs by their external id, their study or metadata; newest first."""
    metadata = metadata_conditions()
    if query["external_id"] is None and query["study"] is None and not metadata:
        raise InvalidParameter("Name an external_id, a study, metadata.KEY, or several of them.")
    page = parts().repository.items.find(
        tenant(),
        limit=query["limit"],
        cursor=checked_job_cursor(query["cursor"]),
        external_id=query["external_id"],
        study_hash=query["study"],
        metadata=metadata,
    )
    audit_target(*dict.fromkeys(item.job_id for item in page.items))
    return page_answer(page, item_wire, item_version)
