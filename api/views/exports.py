"""/v1/exports: results of whole jobs, made in the background and fetched by a link.

An export is another way of reading, so who may read may ask for one, and remove it.
"""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint, Schema
from apiflask.fields import Integer, List, Nested, String
from apiflask.validators import OneOf
from flask import Response, request

from api.access import needs, open_to_all
from api.audit import audit_target, audited, not_audited
from api.conditional import Answer
from api.context import checked_export_id, checked_job_cursor, checked_job_id, parts, tenant
from api.documented import Answers, problems
from api.exports import content, content_path, export_wire, link
from api.paging import page_answer
from api.schemas import PageQuery
from lungline.domain import ExportFormat, ExportStatus, Scope
from lungline.errors import (
    ClientError,
    CrossSite,
    ExportNotFound,
    InvalidParameter,
    JobNotFound,
    LinkExpired,
    LinkInvalid,
    NoSuchRange,
    ObjectNotFound,
    StorageFull,
    StorageQuotaReached,
    StoreUnavailable,
    TooManyOpenExports,
    WrongState,
)
from lungline.telemetry import get_logger
from storage.audit import Action
from storage.exports import Export as ExportOf

exports = APIBlueprint("exports", __name__, url_prefix="/v1", tag="Exports")

log = get_logger(__name__)

_FORMATS = [str(form) for form in ExportFormat]
_STATUSES = [str(status) for status in ExportStatus if status is not ExportStatus.DELETING]
_TIME = {"format": "date-time"}
_NOT_KEPT = {"Cache-Control": "no-store"}
_AGAIN_SECONDS = "2"
_BYTES: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}


class NewExport(Schema):
    """What is wanted of a job."""

    format = String(
        required=True,
        validate=OneOf(_FORMATS),
        metadata={"description": "A table of the findings, or a zip of pictures."},
    )


class ExportProgress(Schema):
    """How far an export is."""

    items = Integer(required=True, metadata={"description": "Written so far."})
    total = Integer(required=True)


class ExportReason(Schema):
    """Why it failed."""

    code = String(required=True)
    reason = String(required=True)


class ExportLinks(Schema):
    """Where its resources are."""

    self = String(required=True)
    cancel = String(required=True)
    job = String(required=True)


class ExportSummary(Schema):
    """Results of a job as one file, without the link to it."""

    id = String(required=True)
    job_id = String(required=True)
    format = String(required=True, validate=OneOf(_FORMATS))
    status = String(required=True, validate=OneOf(_STATUSES))
    filename = String(required=True)
    progress = Nested(ExportProgress, required=True)
    size = Integer(required=True, allow_none=True, metadata={"description": "Bytes."})
    sha256 = String(required=True, allow_none=True)
    error = Nested(ExportReason, required=True, allow_none=True)
    created_at = String(required=True, metadata=_TIME)
    started_at = String(required=True, allow_none=True, metadata=_TIME)
    finished_at = String(required=True, allow_none=True, metadata=_TIME)
    expires_at = String(required=True, metadata=_TIME | {"description": "When it goes."})
    links = Nested(ExportLinks, required=True)


class Export(ExportSummary):
    """Results of a job as one file."""

    url = String(
        required=True,
        allow_none=True,
        metadata={
            "description": "For GET, unchanged, for a while, once the export has succeeded. "
            "Without a host it is below the service's address."
        },
    )


class ExportPage(Schema):
    """Some exports, newest first."""

    items = List(Nested(ExportSummary), required=True)
    next = String(required=True, allow_none=True, metadata={"description": "The next cursor."})


class ExportsQuery(PageQuery):
    """Which exports."""

    job_id = String(load_default=None, metadata={"description": "Only those of this job."})


@exports.post("/jobs/<job_id>/exports")
@needs(Scope.READ)
@audited(Action.EXPORT_ASKED)
@exports.input(NewExport, location="json", arg_name="new")
@exports.output(Export, status_code=202, description="The export, made already or to be made.")
@exports.doc(
    operation_id="createExport",
    responses=problems(
        ClientError,
        JobNotFound,
        WrongState,
        InvalidParameter,
        CrossSite,
        StorageFull,
        StorageQuotaReached,
        TooManyOpenExports,
    ),
)
def create_export(job_id: str, new: dict[str, Any]) -> Answer:
    """Let the results of an ended job be written into one file; follow `Location`.

    The same job, format and state give the same export, as long as it is there: after a retry of
    the job it is another one. A job that has not ended is refused (`wrong_state`).
    """
    here = parts()
    here.space.check()
    form = ExportFormat(new["format"])
    export = here.repository.exports.create(
        tenant(),
        checked_job_id(job_id),
        form,
        here.settings.export_seconds,
        here.settings.quota_open_exports,
    )
    audit_target(export.id)
    if export.status is ExportStatus.QUEUED:
        here.doorbell.export_waits()
        log.info("export asked for", export_id=export.id, job_id=export.job_id, format=form)
    return _answer(export, 202, {"Location": f"/v1/exports/{export.id}"})


@exports.get("/exports")
@needs(Scope.READ)
@exports.input(ExportsQuery, location="query", arg_name="query")
@exports.output(ExportPage)
@exports.doc(operation_id="listExports", responses=problems(InvalidParameter, JobNotFound))
def list_exports(query: dict[str, Any]) -> Answer | Response:
    """List exports, newest first; without their `url`, which each gives by itself."""
    job_id = query["job_id"]
    page = parts().repository.exports.page(
        tenant(),
        limit=query["limit"],
        cursor=checked_job_cursor(query["cursor"]),
        job_id=None if job_id is None else checked_job_id(job_id),
    )
    return page_answer(page, export_wire, lambda each: (each.id, each.status, each.items_done))


@exports.get("/exports/<export_id>")
@needs(Scope.READ)
@audited(Action.EXPORT_READ)
@exports.output(Export)
@exports.doc(operation_id="getExport", responses=problems(ExportNotFound, StoreUnavailable))
def get_export(export_id: str) -> Answer:
    """Show how far an export is and, once it is made, the link to its bytes."""
    export = parts().repository.exports.get(tenant(), checked_export_id(export_id))
    if export.status is not ExportStatus.SUCCEEDED:
        not_audited()  # who has the link has the bytes, maybe from the store itself
    return _answer(export, 200, {})


@exports.post("/exports/<export_id>/cancel")
@needs(Scope.READ)
@exports.output(Export)
@exports.doc(operation_id="cancelExport", responses=problems(ExportNotFound, WrongState, CrossSite))
def cancel_export(export_id: str) -> Answer:
    """Stop making an export; cancelling twice does no harm."""
    export = parts().repository.exports.cancel(tenant(), checked_export_id(export_id))
    return _answer(export, 200, {})


@exports.delete("/exports/<export_id>")
@needs(Scope.READ)
@audited(Action.EXPORT_DELETED)
@exports.output({}, status_code=204)
@exports.doc(operation_id="deleteExport", responses=problems(ExportNotFound, CrossSite))
def delete_export(export_id: str) -> tuple[str, int]:
    """Remove an export, made or not."""
    parts().repository.exports.delete(tenant(), checked_export_id(export_id))
    return "", 204


_CONTENT: Answers = {
    200: {
        "description": "The file. For research use only.",
        "content": {"application/octet-stream": _BYTES},
    },
    206: {
        "description": "The range of it that was asked for.",
        "content": {"application/octet-stream": _BYTES},
    },
    **problems(
        LinkInvalid, LinkExpired, ExportNotFound, NoSuchRange, ObjectNotFound, StoreUnavailable
    ),
}


@exports.get("/exports/<export_id>/content")
@open_to_all
@exports.doc(operation_id="getExportContent", responses=_CONTENT)
def get_export_content(export_id: str) -> Response:
    """Fetch an export, or a range of it, by the link that was given out."""
    here = parts()
    here.links.check(content_path(checked_export_id(export_id)), request.args, "GET")
    export = here.repository.exports.known(export_id)
    if export.status is not ExportStatus.SUCCEEDED:
        raise ExportNotFound("The export is not made. Ask for its status.")
    return content(here.store, export, request)


def _answer(export: ExportOf, status: int, headers: dict[str, str]) -> Answer:
    headers = headers | _NOT_KEPT
    if export.status in (ExportStatus.QUEUED, ExportStatus.RUNNING):
        headers["Retry-After"] = _AGAIN_SECONDS
    return export_wire(export) | {"url": link(parts(), export)}, status, headers
