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
    LunglineError,
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
    return _checked(job_id, "A job's id", JobNotFound)


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
    return _checked(item_id, "An item's id", ItemNotFound)


def checked_upload_id(upload_id: str) -> str:
    """Return the id.

    Raises:
        UploadNotFound: It cannot be one.
    """
    return _checked(upload_id, "An upload's id", UploadNotFound)


def checked_webhook_id(webhook_id: str) -> str:
    """Return the id.

    Raises:
        WebhookNotFound: It cannot be one.
    """
    return _checked(webhook_id, "A webhook's id", WebhookNotFound)


def checked_key_id(key_id: str) -> str:
    """Return the id.

    Raises:
        KeyNotFound: It cannot be one.
    """
    return _checked(key_id, "A key's id", KeyNotFound)


def checked_export_id(export_id: str) -> str:
    """Return the id.

    Raises:
        ExportNotFound: It cannot be one.
    """
    return _checked(export_id, "An export's id", ExportNotFound)


def _checked(given: str, what: str, missing: type[LunglineError]) -> str:
    """Refuse what no id looks like before the database is asked, which refuses some texts."""
    if not _ID.fullmatch(given):
        raise missing(f"{what} has 32 hexadecimal digits; this address has something else.")
    return given
