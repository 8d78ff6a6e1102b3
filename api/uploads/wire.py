"""Uploads as the API tells them."""

from __future__ import annotations

from collections.abc import Sequence

from api.wire import Wire, iso
from storage.objects import Part
from storage.uploads import Upload


def upload_wire(upload: Upload) -> Wire:
    """An upload, without its parts."""
    base = f"/v1/uploads/{upload.id}"
    return {
        "id": upload.id,
        "filename": upload.filename,
        "status": str(upload.status),
        "size": upload.size,
        "sha256": upload.sha256,
        "part_size": upload.part_size,
        "part_count": upload.whole.count,
        "job_id": upload.job_id,
        "created_at": iso(upload.created_at),
        "completed_at": iso(upload.completed_at),
        "expires_at": iso(upload.expires_at),
        "links": {
            "self": base,
            "part_links": f"{base}/links",
            "content": f"{base}/content",
            "complete": f"{base}/complete",
            "job": upload.job_id and f"/v1/jobs/{upload.job_id}",
        },
    }


def parts_wire(parts: Sequence[Part]) -> list[Wire]:
    """Parts that have arrived."""
    return [{"number": part.number, "size": part.size, "etag": part.etag} for part in parts]
