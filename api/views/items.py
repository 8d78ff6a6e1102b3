"""/v1/items: one film of a job with its findings."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import Response

from api import schemas
from api.access import needs
from api.conditional import Answer, conditional, item_version, tag_of
from api.context import checked_item_id, parts, tenant
from api.documented import UNCHANGED, problems
from api.wire import item_wire
from lungline.domain import Scope
from lungline.errors import ItemNotFound

items = APIBlueprint("items", __name__, url_prefix="/v1", tag="Items")


@items.get("/items/<item_id>")
@needs(Scope.READ)
@items.output(schemas.Item)
@items.doc(operation_id="getItem", responses=UNCHANGED | problems(ItemNotFound))
def get_item(item_id: str) -> Answer | Response:
    """Tell where a film stands, and its findings once it was read. For research use only."""
    item = parts().repository.items.get(tenant(), checked_item_id(item_id))
    return conditional(tag_of(*item_version(item)), lambda: item_wire(item))
