"""/v1/items/{id}/film, mask, heatmap, overlay: PNG, drawn on request."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint
from flask import Response, request

from api import schemas
from api.context import checked_item_id, parts, tenant
from api.documented import Answers, problems
from api.pictures import Pictures, etag
from lungline.errors import (
    FilmRejected,
    InvalidParameter,
    ItemNotFound,
    PictureNotReady,
    StoreUnavailable,
)
from storage.items import Item

pictures = APIBlueprint("pictures", __name__, url_prefix="/v1", tag="Items")

_PNG = {"image/png": {"schema": {"type": "string", "format": "binary"}}}
_ANSWERS: Answers = {
    200: {"description": "The picture. For research use only.", "content": _PNG},
    304: {"description": "The client has it already."},
    **problems(ItemNotFound, PictureNotReady, FilmRejected, InvalidParameter, StoreUnavailable),
}


@pictures.get("/items/<item_id>/film")
@pictures.input(schemas.PictureQuery, location="query", arg_name="query")
@pictures.doc(operation_id="getFilm", responses=_ANSWERS)
def get_film(item_id: str, query: dict[str, Any]) -> Response:
    """Show the film in grey, upright and windowed as it was read."""
    return _answer("film", item_id, query["size"])


@pictures.get("/items/<item_id>/mask")
@pictures.input(schemas.PictureQuery, location="query", arg_name="query")
@pictures.doc(operation_id="getMask", responses=_ANSWERS)
def get_mask(item_id: str, query: dict[str, Any]) -> Response:
    """Show the lung mask in the film's geometry: 255 inside the lungs, 0 outside."""
    return _answer("mask", item_id, query["size"])


@pictures.get("/items/<item_id>/heatmap")
@pictures.input(schemas.PictureQuery, location="query", arg_name="query")
@pictures.doc(operation_id="getHeatmap", responses=_ANSWERS)
def get_heatmap(item_id: str, query: dict[str, Any]) -> Response:
    """Show where the top label's score comes from, transparent where nothing was looked at."""
    return _answer("heatmap", item_id, query["size"])


@pictures.get("/items/<item_id>/overlay")
@pictures.input(schemas.PictureQuery, location="query", arg_name="query")
@pictures.doc(operation_id="getOverlay", responses=_ANSWERS)
def get_overlay(item_id: str, query: dict[str, Any]) -> Response:
    """Show film, lung contour and heatmap in one picture."""
    return _answer("overlay", item_id, query["size"])


def _answer(kind: str, item_id: str, size: int) -> Response:
    item = parts().repository.items.get(tenant(), checked_item_id(item_id))
    answer = Response(content_type="image/png")
    answer.set_etag(etag(kind, item, size))
    # A picture never changes, but it is a patient's: no shared cache may keep it.
    answer.headers["Cache-Control"] = "private, max-age=86400, immutable"
    if not request.if_none_match.contains(answer.get_etag()[0] or ""):
        answer.set_data(_drawn(kind, item, size))
    return answer.make_conditional(request)  # type: ignore[return-value]


def _drawn(kind: str, item: Item, size: int) -> bytes:
    drawing = Pictures(parts().store, parts().settings.max_film_pixels)
    draw = {
        "film": drawing.film,
        "mask": drawing.mask,
        "heatmap": drawing.heatmap,
        "overlay": drawing.overlay,
    }
    return draw[kind](item, size)
