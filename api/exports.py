"""Exports as the API tells and gives them: the JSON, the links, the bytes."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Request, Response

from api.parts import Parts
from api.wire import Wire, iso
from lungline.domain import ExportStatus
from lungline.errors import NoSuchRange
from storage.exports import Export
from storage.objects import ObjectStore
from storage.results.tables import TABLES

_PIECE = 1024 * 1024


def export_wire(export: Export) -> Wire:
    """An export, without the link to it."""
    base = f"/v1/exports/{export.id}"
    code = export.error_code
    return {
        "id": export.id,
        "job_id": export.job_id,
        "format": str(export.format),
        "status": str(export.status),
        "filename": file_name(export),
        "progress": {"items": export.items_done, "total": export.items_total},
        "size": export.size,
        "sha256": export.sha256,
        "error": None if code is None else {"code": code, "reason": export.error_reason},
        "created_at": iso(export.created_at),
        "started_at": iso(export.started_at),
        "finished_at": iso(export.finished_at),
        "expires_at": iso(export.expires_at),
        "links": {"self": base, "cancel": f"{base}/cancel", "job": f"/v1/jobs/{export.job_id}"},
    }


def file_name(export: Export) -> str:
    """What a client may call the file: made of ids, never of names."""
    return f"lungline-{export.job_id}{export.format.extension}"


def media_type(export: Export) -> str:
    """Of its bytes."""
    return TABLES.get(export.format, "application/zip")


def content_path(export_id: str) -> str:
    """Where the API gives an export out."""
    return f"/v1/exports/{export_id}/content"


def link(here: Parts, export: Export) -> str | None:
    """Sign an address of the bytes, once they are there: of the store, or of the API."""
    if export.status is not ExportStatus.SUCCEEDED or export.object_key is None:
        return None
    seconds = here.settings.upload_link_seconds
    name, kind = file_name(export), media_type(export)
    url = here.store.link(export.object_key, seconds, name, kind)
    return url or here.links.make(content_path(export.id), seconds, "GET")


def content(store: ObjectStore, export: Export, request: Request) -> Response:
    """Give out an export, or the one range of it that is asked for (RFC 9110).

    Raises:
        NoSuchRange: It lies behind the end.
    """
    key, size = export.object_key or "", export.size or 0
    start, end, status = 0, size, 200
    wanted = request.range
    headers = {
        "Content-Disposition": f'attachment; filename="{file_name(export)}"',
        "Cache-Control": "no-store",
        "Accept-Ranges": "bytes",
        "ETag": f'"{export.sha256}"',
    }
    if wanted is not None and wanted.units == "bytes" and len(wanted.ranges) == 1:
        found = wanted.range_for_length(size)
        if found is None:
            raise NoSuchRange(f"The file has {size:,} bytes; the range lies behind them.")
        (start, end), status = found, 206
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    headers["Content-Length"] = str(end - start)
    first = store.get_range(key, start, min(_PIECE, end - start))  # while an error can be told
    return Response(
        _pieces(store, key, first, start, end),
        status=status,
        content_type=media_type(export),
        headers=headers,
    )


def _pieces(store: ObjectStore, key: str, first: bytes, start: int, end: int) -> Iterator[bytes]:
    yield first
    for at in range(start + len(first), end, _PIECE):
        yield store.get_range(key, at, min(_PIECE, end - at))
