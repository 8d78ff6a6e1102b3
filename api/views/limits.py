"""What the service takes, to be read before anything is sent."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from apiflask import APIBlueprint, Schema
from apiflask.fields import Dict, Float, Integer, Nested, String

from api.access import needs
from api.conditional import Answer
from api.context import parts, tenant
from api.parts import Parts
from lungline.domain import Scope
from lungline.retention import retention_of
from storage.objects.parted import MOST_PARTS
from storage.quotas import Usage

limits = APIBlueprint("limits", __name__, url_prefix="/v1", tag="Uploads")


class FilmLimits(Schema):
    """Of one film."""

    bytes = Integer(required=True)
    pixels = Integer(required=True)
    side = Integer(required=True, metadata={"description": "Pixels of the longest side."})


class SubmissionLimits(Schema):
    """Of one submission in a body."""

    bytes = Integer(required=True, metadata={"description": "Of the body; upload what is larger."})
    films = Integer(required=True, metadata={"description": "In a form; archives hold more."})
    interactive_films = Integer(required=True, metadata={"description": "Of an interactive job."})
    metadata_bytes = Integer(required=True, metadata={"description": "Of `metadata`, as JSON."})
    film_metadata_bytes = Integer(required=True, metadata={"description": "The same of one film."})


class ArchiveLimits(Schema):
    """Of one archive, and so of one job."""

    entries = Integer(required=True)
    unpacked_bytes = Integer(required=True)
    ratio = Integer(required=True, metadata={"description": "Unpacked to packed, of one entry."})


class UploadLimits(Schema):
    """Of one upload in parts."""

    bytes = Integer(required=True)
    part_bytes = Integer(
        required=True,
        metadata={"description": "Of a part; more where the parts would be too many."},
    )
    parts = Integer(required=True)
    seconds = Integer(required=True, metadata={"description": "How long it may take."})


class Quota(Schema):
    """How much a tenant may have of something."""

    limit = Integer(required=True)
    used = Integer(required=True)
    left = Integer(required=True)


class RetentionDays(Schema):
    """How many days what a tenant sent is kept; null: until it is deleted."""

    results = Float(
        required=True,
        allow_none=True,
        metadata={"description": "Jobs with their findings and films, since the job's end."},
    )
    films = Float(
        required=True,
        allow_none=True,
        metadata={
            "description": "Pixels and masks, since the last item of the film ended; findings stay."
        },
    )
    uploads = Float(
        required=True,
        allow_none=True,
        metadata={
            "description": "Archives: since the upload began, kept ones since their job's end."
        },
    )


class Limits(Schema):
    """What the service takes, and how long it keeps it."""

    film = Nested(FilmLimits, required=True)
    submission = Nested(SubmissionLimits, required=True)
    archive = Nested(ArchiveLimits, required=True)
    upload = Nested(UploadLimits, required=True)
    retention = Nested(RetentionDays, required=True)
    quotas = Dict(
        keys=String(),
        values=Nested(Quota),
        required=True,
        metadata={
            "description": "What the tenant may still have, by name: `open_uploads`, "
            "`open_exports`, `open_jobs`, `queued_films`, `stored_bytes`."
        },
    )


@limits.get("/limits")
@needs(Scope.READ, Scope.SUBMIT)
@limits.output(Limits)
@limits.doc(operation_id="getLimits")
def get_limits() -> Answer:
    """Show what may be sent, how long it is kept, and what is left of the tenant's quotas."""
    settings = parts().settings
    wire = {
        "film": {
            "bytes": settings.max_film_bytes,
            "pixels": settings.max_film_pixels,
            "side": settings.max_film_side,
        },
        "submission": {
            "bytes": settings.max_body_bytes,
            "films": settings.max_films_per_request,
            "interactive_films": settings.max_interactive_films,
            "metadata_bytes": settings.max_metadata_bytes,
            "film_metadata_bytes": settings.max_film_metadata_bytes,
        },
        "archive": {
            "entries": settings.max_archive_entries,
            "unpacked_bytes": settings.max_archive_bytes,
            "ratio": settings.max_archive_ratio,
        },
        "upload": {
            "bytes": settings.max_upload_bytes,
            "part_bytes": settings.upload_part_bytes,
            "parts": MOST_PARTS,
            "seconds": settings.upload_seconds,
        },
        "retention": asdict(retention_of(settings, tenant())),
        "quotas": _quotas(parts(), tenant()),
    }
    return wire, 200, {"Cache-Control": "no-store"}


def _quotas(here: Parts, tenant_id: str) -> dict[str, dict[str, Any]]:
    held = here.repository.uploads.held(tenant_id)
    exports = here.repository.exports.open(tenant_id)
    quotas = {
        "open_uploads": _quota(here.settings.max_open_uploads, held),
        "open_exports": _quota(here.settings.quota_open_exports, exports),
    }
    allowance = here.repository.quotas.allowance(tenant_id)
    for name in Usage.__slots__:
        limit = getattr(allowance.limits, name)
        if limit is not None:
            quotas[name] = _quota(limit, getattr(allowance.used, name))
    return quotas


def _quota(limit: int, used: int) -> dict[str, int]:
    return {"limit": limit, "used": used, "left": max(0, limit - used)}
