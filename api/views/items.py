"""/v1/items: one film of a job with its findings."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint

from api import schemas
from api.context import checked_item_id, parts, tenant
from api.documented import problems
from api.wire import item_wire
from lungline.errors import ItemNotFound

items = APIBlueprint("items", __name__, url_prefix="/v1", tag="Items")


@items.get("/items/<item_id>")
@items.output(schemas.Item)
@items.doc(operation_id="getItem", responses=problems(ItemNotFound))
def get_item(item_id: str) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Tell where a film stands, and its findings once it was read. For research use only."""
    item = parts().repository.items.get(tenant(), checked_item_id(item_id))
    return item_wire(item), 200, {"Cache-Control": "no-store"}
