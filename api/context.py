"""How views get at what belongs to the application and to the request."""

from __future__ import annotations

import re
from typing import cast

from flask import current_app, g

from api.caller import Caller
from api.parts import Parts
from lungline.errors import (
    ExportNotFound,
    InvalidParameter,
    ItemNotFound,
    JobNotFound,
    KeyNotFound,
    UploadNotFound,
    WebhookNotFound,
)

EXTENSION = "lungline"
_ID = re.compile(r"[0-9a-f]{32}")


def parts() -> Parts:
    """The parts of this process."""
    return cast(Parts, current_app.extensions[EXTENSION])


def tenant() -> str:
    """Whose data the request is about."""
    return caller().tenant


def caller() -> Caller:
    """Who asks; only in views that need a key, see `api.access`."""
    return cast(Caller, g.caller)


def checked_job_id(job_id: str) -> str:
    """Return the id.

    Raises:
        JobNotFound: It cannot be one.
    """
    if not _ID.fullmatch(job_id):
        raise JobNotFound("A job's id has 32 hexadecimal digits; this address has something else.")
    return job_id


def checked_job_cursor(cursor: str | None) -> str | None:
    """Return the cursor of a list of jobs, or of found items, which is the id of its last one.

    Raises:
        InvalidParameter: It cannot be one.
    """
    if cursor is not None and not _ID.fullmatch(cursor):
        raise InvalidParameter("cursor: this is not a cursor of this list; start without one.")
    return cursor


def checked_item_id(item_id: str) -> str:
    """Return the id.

    Raises:
        ItemNotFound: It cannot be one.
    """
    if not _ID.fullmatch(item_id):
        raise ItemNotFound(
            "An item's id has 32 hexadecimal digits; this address has something else."
        )
    return item_id


def checked_upload_id(upload_id: str) -> str:
    """Return the id.

    Raises:
        UploadNotFound: It cannot be one.
    """
    if not _ID.fullmatch(upload_id):
        raise UploadNotFound(
            "An upload's id has 32 hexadecimal digits; this address has something else."
        )
    return upload_id


def checked_webhook_id(webhook_id: str) -> str:
    """Return the id.

    Raises:
        WebhookNotFound: It cannot be one.
    """
    if not _ID.fullmatch(webhook_id):
        raise WebhookNotFound(
            "A webhook's id has 32 hexadecimal digits; this address has something else."
        )
    return webhook_id


def checked_key_id(key_id: str) -> str:
    """Return the id.

    Raises:
        KeyNotFound: It cannot be one.
    """
    if not _ID.fullmatch(key_id):
        raise KeyNotFound("A key's id has 32 hexadecimal digits; this address has something else.")
    return key_id


def checked_export_id(export_id: str) -> str:
    """Return the id.

    Raises:
        ExportNotFound: It cannot be one.
    """
    if not _ID.fullmatch(export_id):
        raise ExportNotFound(
            "An export's id has 32 hexadecimal digits; this address has something else."
        )
    return export_id
