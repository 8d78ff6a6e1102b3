"""The shapes of requests and answers about uploads."""

from __future__ import annotations

import re

from apiflask import Schema
from apiflask.fields import Integer, List, Nested, String
from apiflask.validators import Length, OneOf, Range, Regexp

from api.queries import Query
from lungline.domain import UploadStatus

FIRST_LINKS = 100
"""Links that come with a new upload; further ones are asked for."""
MOST_LINKS = 1_000
_TIME = {"format": "date-time"}
_STATUSES = [str(status) for status in UploadStatus if status is not UploadStatus.DELETING]


class NewUpload(Schema):
    """An archive that is about to come."""

    filename = String(
        load_default="", validate=Length(max=1000), metadata={"description": "For people."}
    )
    size = Integer(
        required=True, strict=True, validate=Range(min=1), metadata={"description": "Bytes."}
    )
    sha256 = String(
        load_default=None,
        allow_none=True,
        validate=Regexp("[0-9a-f]{64}$", flags=re.ASCII),
        metadata={"description": "In hexadecimal; compared when the upload is completed."},
    )


class PartArrived(Schema):
    """A part that has arrived."""

    number = Integer(required=True, metadata={"description": "From 1."})
    size = Integer(required=True, metadata={"description": "Bytes."})
    etag = String(required=True, metadata={"description": "The MD5 of its bytes, on most stores."})


class PartLink(Schema):
    """Where one part goes."""

    number = Integer(required=True, metadata={"description": "From 1."})
    size = Integer(required=True, metadata={"description": "Its bytes, exactly."})
    url = String(
        required=True,
        metadata={
            "description": "For PUT, unchanged. Without a host it is below the service's address."
        },
    )


class PartLinks(Schema):
    """Where some parts go."""

    items = List(Nested(PartLink), required=True)
    next = Integer(
        required=True, allow_none=True, metadata={"description": "`first` of the next links."}
    )
    seconds = Integer(required=True, metadata={"description": "How long they may be used."})


class UploadLinks(Schema):
    """Where an upload's resources are."""

    self = String(required=True)
    part_links = String(required=True)
    content = String(required=True)
    complete = String(required=True)
    job = String(required=True, allow_none=True)


class UploadSummary(Schema):
    """An upload, without its parts."""

    id = String(required=True)
    filename = String(required=True)
    status = String(required=True, validate=OneOf(_STATUSES))
    size = Integer(required=True, metadata={"description": "Bytes of the whole."})
    sha256 = String(required=True, allow_none=True)
    part_size = Integer(required=True, metadata={"description": "Bytes of each part but the last."})
    part_count = Integer(required=True)
    job_id = String(
        required=True, allow_none=True, metadata={"description": "The job that was made of it."}
    )
    created_at = String(required=True, metadata=_TIME)
    completed_at = String(required=True, allow_none=True, metadata=_TIME)
    expires_at = String(
        required=True,
        metadata=_TIME | {"description": "When it goes, unless a job was made of it."},
    )
    links = Nested(UploadLinks, required=True)


class Upload(UploadSummary):
    """An upload with what has arrived of it."""

    parts = List(
        Nested(PartArrived),
        required=True,
        metadata={"description": "Those that have arrived, while it is open."},
    )


class FirstLinks(PartLinks):
    """Where the first parts go."""


class CreatedUpload(UploadSummary):
    """A new upload with the links of its first parts."""

    part_links = Nested(FirstLinks, required=True)


class UploadPage(Schema):
    """Some uploads, newest first."""

    items = List(Nested(UploadSummary), required=True)
    next = String(required=True, allow_none=True, metadata={"description": "The next cursor."})


class LinksQuery(Query):
    """The links of which parts."""

    first = Integer(load_default=1, validate=Range(1, 10_000))
    limit = Integer(load_default=FIRST_LINKS, validate=Range(1, MOST_LINKS))
