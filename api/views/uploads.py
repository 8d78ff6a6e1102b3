"""Archives of any size: in parts that may come again, in any order, several at a time."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint
from flask import Response, request

from api.access import needs, open_to_all
from api.audit import audited
from api.bodies import streams_body
from api.conditional import Answer
from api.context import checked_job_cursor, checked_upload_id, parts, tenant
from api.documented import problems
from api.intake.names import clean_name
from api.paging import page_answer
from api.schemas import PageQuery
from api.uploads import schemas
from api.uploads.bodies import check_open, take_part, take_whole
from api.uploads.completion import arrived, complete
from api.uploads.sizes import part_size
from api.uploads.wire import parts_wire, upload_wire
from lungline.domain import Scope, UploadStatus
from lungline.errors import (
    BodyCutOff,
    ChecksumMismatch,
    ClientError,
    CrossSite,
    InvalidParameter,
    LinkExpired,
    LinkInvalid,
    LunglineError,
    StorageFull,
    StorageQuotaReached,
    StoreUnavailable,
    TooLarge,
    TooManyUploads,
    UploadBusy,
    UploadClosed,
    UploadIncomplete,
    UploadNotFound,
    UploadUsed,
    WrongSize,
)
from lungline.telemetry import get_logger
from storage.audit import Action
from storage.uploads import Upload

uploads = APIBlueprint("uploads", __name__, url_prefix="/v1", tag="Uploads")

log = get_logger(__name__)

_NOT_KEPT = {"Cache-Control": "no-store"}
_PART_PATH = "/v1/uploads/{upload_id}/parts/{number}"


@uploads.post("/uploads")
@needs(Scope.SUBMIT)
@uploads.input(schemas.NewUpload, location="json", arg_name="new")
@uploads.output(schemas.CreatedUpload, status_code=201, description="The upload takes parts.")
@uploads.doc(
    operation_id="createUpload",
    responses=problems(
        ClientError,
        InvalidParameter,
        TooLarge,
        TooManyUploads,
        StorageQuotaReached,
        CrossSite,
        StoreUnavailable,
        StorageFull,
    ),
)
def create_upload(new: dict[str, Any]) -> Answer:
    """Announce an archive; get links to which its parts are PUT, in any order.

    Each link takes just its part, which may be sent again. `Content-MD5` (RFC 1864) lets the
    store compare what came with what was sent.
    """
    here = parts()
    settings, size = here.settings, new["size"]
    if size > settings.max_upload_bytes:
        raise TooLarge(
            f"The archive has more than {settings.max_upload_bytes:,} bytes, the limit. "
            "Send several smaller ones."
        )
    here.space.check(size)
    upload = here.repository.uploads.create(
        tenant(),
        filename=clean_name(new["filename"]),
        size=size,
        sha256=new["sha256"],
        part_size=part_size(size, settings),
        seconds=settings.upload_seconds,
        most_held=settings.max_open_uploads,
    )
    try:
        token = here.store.parts.begin(upload.object_key)
        upload = here.repository.uploads.ready(upload.id, token)
    except LunglineError:
        here.repository.uploads.delete(tenant(), upload.id)
        raise
    log.info("upload begun", upload_id=upload.id, size=size, parts=upload.whole.count)
    wire = upload_wire(upload) | {"part_links": _links(upload, 1, schemas.FIRST_LINKS)}
    return wire, 201, _NOT_KEPT | {"Location": f"/v1/uploads/{upload.id}"}


@uploads.get("/uploads")
@needs(Scope.SUBMIT)
@uploads.input(PageQuery, location="query", arg_name="query")
@uploads.output(schemas.UploadPage)
@uploads.doc(operation_id="listUploads", responses=problems(InvalidParameter))
def list_uploads(query: dict[str, Any]) -> Answer | Response:
    """List uploads, newest first, also those of which jobs were made lately."""
    page = parts().repository.uploads.page(
        tenant(), limit=query["limit"], cursor=checked_job_cursor(query["cursor"])
    )
    return page_answer(page, upload_wire, lambda upload: (upload.id, str(upload.status)))


@uploads.get("/uploads/<upload_id>")
@needs(Scope.SUBMIT)
@uploads.output(schemas.Upload)
@uploads.doc(operation_id="getUpload", responses=problems(UploadNotFound, StoreUnavailable))
def get_upload(upload_id: str) -> Answer:
    """Show an upload and which of its parts have arrived."""
    upload = _get(upload_id)
    there = arrived(parts().store, upload) if upload.status is UploadStatus.OPEN else []
    return upload_wire(upload) | {"parts": parts_wire(there)}, 200, _NOT_KEPT


@uploads.get("/uploads/<upload_id>/links")
@needs(Scope.SUBMIT)
@uploads.input(schemas.LinksQuery, location="query", arg_name="query")
@uploads.output(schemas.PartLinks)
@uploads.doc(
    operation_id="listPartLinks",
    responses=problems(UploadNotFound, UploadClosed, InvalidParameter),
)
def list_part_links(upload_id: str, query: dict[str, Any]) -> Answer:
    """Get fresh links for parts."""
    upload = _get(upload_id)
    check_open(upload)
    return _links(upload, query["first"], query["limit"]), 200, _NOT_KEPT


@uploads.put("/uploads/<upload_id>/parts/<int:number>")
@open_to_all
@streams_body
@uploads.output({}, status_code=204)
@uploads.doc(
    operation_id="putPart",
    responses=problems(
        LinkInvalid,
        LinkExpired,
        UploadNotFound,
        UploadClosed,
        UploadBusy,
        BodyCutOff,
        TooLarge,
        WrongSize,
        ChecksumMismatch,
        InvalidParameter,
        CrossSite,
        StoreUnavailable,
        StorageFull,
    ),
)
def put_part(upload_id: str, number: int) -> tuple[str, int, dict[str, str]]:
    """Send a part, by a link that was given out; it takes the place of an earlier one."""
    path = _PART_PATH.format(upload_id=checked_upload_id(upload_id), number=number)
    parts().links.check(path, request.args)
    upload = parts().repository.uploads.known(upload_id)
    parts().space.check(request.content_length or 0)
    part = take_part(parts().store, parts().space, upload, number, request)
    return "", 204, {"ETag": f'"{part.etag}"'}


@uploads.put("/uploads/<upload_id>/content")
@needs(Scope.SUBMIT)
@streams_body
@uploads.output(schemas.Upload)
@uploads.doc(
    operation_id="putUploadContent",
    responses=problems(
        UploadNotFound,
        UploadClosed,
        UploadBusy,
        BodyCutOff,
        TooLarge,
        WrongSize,
        ChecksumMismatch,
        CrossSite,
        StoreUnavailable,
        StorageFull,
    ),
)
def put_upload_content(upload_id: str) -> Answer:
    """Send the whole archive as one body, which completes the upload.

    Where it breaks off, the parts that came before stay: the rest may follow in parts.
    """
    upload = _get(upload_id)
    parts().space.check(upload.size)
    take_whole(parts().store, parts().space, upload, request)
    return _completed(upload_id)


@uploads.post("/uploads/<upload_id>/complete")
@needs(Scope.SUBMIT)
@uploads.output(schemas.Upload)
@uploads.doc(
    operation_id="completeUpload",
    responses=problems(
        UploadNotFound, UploadIncomplete, UploadBusy, ChecksumMismatch, CrossSite, StoreUnavailable
    ),
)
def complete_upload(upload_id: str) -> Answer:
    """Put the parts together; asked again, it answers the same.

    Sizes and checksums of the parts are compared, and the SHA-256 of the whole where it was
    announced: then the archive is read through, so of a large one the answer takes its time. While
    another request is at it the answer is 409 `upload_busy`: ask for the upload until it is
    `complete`.
    """
    return _completed(checked_upload_id(upload_id))


@uploads.delete("/uploads/<upload_id>")
@needs(Scope.SUBMIT)
@audited(Action.UPLOAD_DELETED)
@uploads.output({}, status_code=204)
@uploads.doc(
    operation_id="deleteUpload",
    responses=problems(UploadNotFound, UploadBusy, UploadUsed, CrossSite),
)
def delete_upload(upload_id: str) -> tuple[str, int]:
    """Give an upload up; what has arrived of it is removed."""
    parts().repository.uploads.delete(tenant(), _get(upload_id).id)
    return "", 204


def _get(upload_id: str) -> Upload:
    return parts().repository.uploads.get(tenant(), checked_upload_id(upload_id))


def _completed(upload_id: str) -> Answer:
    upload = complete(parts(), tenant(), upload_id)
    log.info("upload complete", upload_id=upload.id, size=upload.size)
    return upload_wire(upload) | {"parts": []}, 200, _NOT_KEPT


def _links(upload: Upload, first: int, limit: int) -> dict[str, Any]:
    end = min(first + limit, upload.whole.count + 1)
    seconds = parts().settings.upload_link_seconds
    return {
        "items": [
            {
                "number": number,
                "size": upload.whole.size_of(number),
                "url": _link(upload, number, seconds),
            }
            for number in range(first, end)
        ],
        "next": end if end <= upload.whole.count else None,
        "seconds": seconds,
    }


def _link(upload: Upload, number: int, seconds: int) -> str:
    link = parts().store.parts.link(upload.whole, number, seconds)
    if link is not None:
        return link
    return parts().links.make(_PART_PATH.format(upload_id=upload.id, number=number), seconds)
