"""/v1/items/{id}/film, mask, heatmap, clahe, overlay: PNG, drawn on request elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from apiflask import APIBlueprint
from flask import Response, request

from api import schemas
from api.access import needs
from api.audit import audit_target, audited
from api.context import checked_item_id, checked_job_id, parts, tenant
from api.documented import Answers, problems
from lungline.domain import Scope
from lungline.errors import (
    FilmDropped,
    FilmRejected,
    InvalidParameter,
    ItemNotFound,
    JobNotFound,
    PictureFailed,
    PictureNotReady,
    PicturesBusy,
    StoreUnavailable,
)
from lungline.zipping import zip_stored
from storage.audit import Action
from storage.items import Item
from storage.results.picture_files import picture_files
from storage.results.pictures import Pictures, etag

pictures = APIBlueprint("pictures", __name__, url_prefix="/v1", tag="Items")

_KEPT_SECONDS = 600
_PNG = {"image/png": {"schema": {"type": "string", "format": "binary"}}}
_ZIP = {"application/zip": {"schema": {"type": "string", "format": "binary"}}}
_ANSWERS: Answers = {
    200: {"description": "The picture. For research use only.", "content": _PNG},
    304: {"description": "The client has it already."},
    **problems(
        ItemNotFound,
        PictureNotReady,
        FilmDropped,
        FilmRejected,
        PictureFailed,
        InvalidParameter,
        PicturesBusy,
        StoreUnavailable,
    ),
}


@pictures.get("/jobs/<job_id>/pictures")
@needs(Scope.READ)
@audited(Action.RESULTS_READ)
@pictures.input(schemas.PicturesQuery, location="query", arg_name="query")
@pictures.doc(
    operation_id="getPictures",
    tags=["Jobs"],
    responses={
        200: {"description": "The pictures. For research use only.", "content": _ZIP},
        **problems(JobNotFound, InvalidParameter),
    },
)
def get_pictures(job_id: str, query: dict[str, Any]) -> Response:
    """Stream pictures of a job as a zip, in the job's order, as `<seq>-<item_id>.png`.

    Items without a picture stand in its last entry, `missing.csv`. A large job comes in several
    zips, each a fixed run of items: `Link` (RFC 8288) leads to the next.
    """
    here = parts()
    job = here.repository.jobs.get(tenant(), checked_job_id(job_id))
    first, most = query["cursor"], query["limit"]
    headers = {
        "Content-Disposition": f'attachment; filename="lungline-{job.id}-{first}.zip"',
        "Cache-Control": "no-store",
    }
    if first + most < job.total:
        following = urlencode(request.args.to_dict() | {"cursor": first + most})
        headers["Link"] = f'<{request.path}?{following}>; rel="next"'
    items = here.repository.items.run(tenant(), job.id, first, most)
    files = picture_files(items, _pencil(query["kind"], query["size"]))
    return Response(zip_stored(files), content_type="application/zip", headers=headers)


@pictures.get("/items/<item_id>/film")
@needs(Scope.READ)
@audited(Action.RESULTS_READ)
@pictures.input(schemas.PictureQuery, location="query", arg_name="query")
@pictures.doc(operation_id="getFilm", responses=_ANSWERS)
def get_film(item_id: str, query: dict[str, Any]) -> Response:
    """Show the film in grey, upright and windowed as it was read."""
    return _answer("film", item_id, query["size"])


@pictures.get("/items/<item_id>/mask")
@needs(Scope.READ)
@audited(Action.RESULTS_READ)
@pictures.input(schemas.PictureQuery, location="query", arg_name="query")
@pictures.doc(operation_id="getMask", responses=_ANSWERS)
def get_mask(item_id: str, query: dict[str, Any]) -> Response:
    """Show the lung mask in the film's geometry: 255 inside the lungs, 0 outside."""
    return _answer("mask", item_id, query["size"])


@pictures.get("/items/<item_id>/heatmap")
@needs(Scope.READ)
@audited(Action.RESULTS_READ)
@pictures.input(schemas.HeatmapQuery, location="query", arg_name="query")
@pictures.doc(operation_id="getHeatmap", responses=_ANSWERS)
def get_heatmap(item_id: str, query: dict[str, Any]) -> Response:
    """Show where a label's score comes from, transparent where nothing was looked at."""
    how = {"label": query["label"], "fade": query["fade"]}
    return _answer("heatmap", item_id, query["size"], **how)


@pictures.get("/items/<item_id>/clahe")
@needs(Scope.READ)
@audited(Action.RESULTS_READ)
@pictures.input(schemas.PictureQuery, location="query", arg_name="query")
@pictures.doc(operation_id="getClahe", responses=_ANSWERS)
def get_clahe(item_id: str, query: dict[str, Any]) -> Response:
    """Show the film with its contrast equalised locally (CLAHE), as its bundle does."""
    return _answer("clahe", item_id, query["size"])


@pictures.get("/items/<item_id>/overlay")
@needs(Scope.READ)
@audited(Action.RESULTS_READ)
@pictures.input(schemas.PictureQuery, location="query", arg_name="query")
@pictures.doc(operation_id="getOverlay", responses=_ANSWERS)
def get_overlay(item_id: str, query: dict[str, Any]) -> Response:
    """Show film, lung contour and heatmap in one picture."""
    return _answer("overlay", item_id, query["size"])


def _answer(kind: str, item_id: str, size: int, **how: Any) -> Response:
    item = parts().repository.items.get(tenant(), checked_item_id(item_id))
    audit_target(item.job_id)
    answer = Response(content_type="image/png")
    answer.set_etag(etag(kind, item, size, **how))
    # A picture never changes, but it is a patient's: no shared cache may keep it, and a browser
    # only while somebody looks at films, and for the session that asked.
    answer.headers["Cache-Control"] = f"private, max-age={_KEPT_SECONDS}"
    answer.vary.update(("Authorization", "Cookie"))
    if not request.if_none_match.contains(answer.get_etag()[0] or ""):
        answer.set_data(_pencil(kind, size, **how)(item))
    return answer.make_conditional(request)  # type: ignore[return-value]


def _pencil(kind: str, size: int, **how: Any) -> Callable[[Item], bytes]:
    """What draws one kind of picture, also while an answer streams."""
    here = parts()
    drawing = Pictures(here.store, here.settings.max_film_pixels, here.bundles, here.drawers)
    return drawing.pencil(kind, size, **how)
