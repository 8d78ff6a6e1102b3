"""A submission as JSON: a job of what the service has already."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import Any

from lungline.errors import InvalidParameter, MalformedBody, TooLarge

JSON_TYPE = "application/json"
MANIFEST = "manifest"
ORIGINS = UPLOAD, PREFIX, FROM_JOB = "upload", "prefix", "from_job"
"""Where films can be that do not come with the request."""
_MANIFEST_ROOM = 1024 * 1024
"""Bytes of a manifest in a document; a form takes larger ones."""
_ROOM = 16 * 1024
"""Bytes of a document besides its metadata."""


@dataclass(frozen=True, slots=True)
class Document:
    """A submission of films that do not come with it.

    Attributes:
        origin: Where they are: one of `ORIGINS`.
        place: Which upload, folder or job, as the client named it.
        fields: The job's options as texts, as a form has them.
        manifest: NDJSON; None: there is none.
    """

    origin: str
    place: str
    fields: dict[str, str]
    manifest: bytes | None = None


def read_document(stream: io.BufferedReader, metadata_bytes: int) -> Document:
    """Read the body.

    Raises:
        TooLarge: It is far longer than its metadata may be.
        MalformedBody: It is no JSON object.
        InvalidParameter: It names not one origin, or an option is not of its type.
    """
    most = metadata_bytes + _ROOM + _MANIFEST_ROOM
    text = stream.read(most + 1)
    if len(text) > most:
        raise TooLarge(f"The JSON document has more than {most:,} bytes, the limit.")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise MalformedBody("The body must be a JSON object.")
    found = take_origin(document)
    if found is None:
        raise InvalidParameter(f"Say where the films are: give one of {', '.join(ORIGINS)}.")
    manifest = _manifest(document.pop(MANIFEST, None))
    given = {name: value for name, value in document.items() if value is not None}
    fields = {name: _text(name, value) for name, value in given.items()}
    return Document(*found, fields, manifest)


def take_origin(fields: dict[str, Any]) -> tuple[str, str] | None:
    """Take out of the fields where the films are; None: they come with the request.

    Raises:
        InvalidParameter: There are several origins, or one is no text.
    """
    given = {origin: fields.pop(origin, None) for origin in ORIGINS}
    found = [(origin, place) for origin, place in given.items() if place is not None]
    if len(found) > 1:
        raise InvalidParameter(f"{' and '.join(dict(found))} do not go together.")
    if found and not isinstance(found[0][1], str):
        raise InvalidParameter(f"{found[0][0]} must be a text.")
    return found[0] if found else None


def _manifest(lines: Any) -> bytes | None:
    """A list of lines as the file that a form would carry."""
    if lines is None:
        return None
    if not isinstance(lines, list) or not lines:
        raise InvalidParameter("manifest must be a list of objects, at least one.")
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def _text(name: str, value: Any) -> str:
    """An option as a form would give it, so that one set of rules holds for both."""
    if name == "metadata":
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    if name == "expires_in" and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise InvalidParameter("The options of a job are texts; metadata is an object.")
    return value
