"""The OpenAPI 3.1 document: what the views cannot say of themselves is added here."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from apiflask import APIFlask
from flask import current_app

from api.access import scopes_of
from api.documented import problems
from api.examples import JOB_ID, UPLOAD_ID, add_examples
from api.intake.document import ORIGINS
from lungline.domain import Scope
from lungline.errors import (
    DatabaseUnavailable,
    HostNotAllowed,
    KeyExpired,
    KeyInvalid,
    KeyMissing,
    KeysNeeded,
    LunglineError,
    ScopeMissing,
    TooLarge,
    TooManyRequests,
)

DESCRIPTION = (
    "Lungline reads chest films of children in bulk. **For research use only: no finding is a "
    "diagnosis.** Every error is `application/problem+json` with a stable `code`."
)
PROBLEM = {
    "type": "object",
    "description": "An error (RFC 9457).",
    "required": ["type", "title", "status", "detail", "code", "instance", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string", "description": "The same for every error of a code."},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong, where, and what to do."},
        "code": {"type": "string", "description": "Stable; see docs/errors.md."},
        "instance": {"type": "string", "description": "The address that was asked."},
        "request_id": {"type": ["string", "null"], "description": "Also in the service's logs."},
        "parts": {"type": "object", "additionalProperties": {"enum": ["ok", "down"]}},
    },
}
HEALTH = {
    "type": "object",
    "required": ["status"],
    "properties": {
        "status": {"type": "string", "enum": ["ok", "ready", "degraded"]},
        "parts": {"type": "object", "additionalProperties": {"enum": ["ok", "down"]}},
    },
}
_BINARY: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
_FIELD: dict[str, Any] = {"type": "string"}
_EXPIRES_IN = _FIELD | {"description": "Seconds after which films that still wait are given up."}
_EXTERNAL_ID = _FIELD | {
    "maxLength": 200,
    "description": "The client's own id of the only film, given back with it.",
}
_FILM_METADATA = _FIELD | {"description": "A JSON object about the only film, given back with it."}
_PREFIX = _FIELD | {
    "description": "In place of an upload: a folder that the operator lets be read, `NAME/FOLDER/`."
}
_FROM_JOB = _FIELD | {
    "description": "In place of an upload: the id of another job, whose films are read again."
}
_SUBMISSION_DOCUMENT = {
    "type": "object",
    "oneOf": [{"required": [origin]} for origin in ORIGINS],
    "additionalProperties": False,
    "properties": {
        "upload": _FIELD | {"description": "The id of a complete upload."},
        "prefix": _PREFIX,
        "from_job": _FROM_JOB,
        "name": _FIELD,
        "metadata": {"type": "object"},
        "bundle": _FIELD,
        "model": _FIELD,
        "priority": _FIELD | {"enum": ["interactive", "normal", "bulk"]},
        "expires_in": {"type": "integer", "description": _EXPIRES_IN["description"]},
        "manifest": {
            "type": "array",
            "description": "What is said of films, by their names in the archive.",
            "items": {
                "type": "object",
                "required": ["name"],
                "additionalProperties": False,
                "properties": {
                    "name": _FIELD,
                    "external_id": _FIELD,
                    "metadata": {"type": "object"},
                },
            },
        },
    },
}
SUBMISSION = {
    "required": True,
    "description": "One film, one archive, a form, or JSON that says where the films are.",
    "content": {
        "application/json": {
            "schema": _SUBMISSION_DOCUMENT,
            "examples": {
                "upload": {
                    "value": {"upload": UPLOAD_ID, "name": "night shift", "priority": "bulk"}
                },
                "read again": {
                    "value": {"from_job": JOB_ID, "model": "paediatric-pneumonia@0.2.0"}
                },
            },
        },
        "application/zip": _BINARY,
        "application/x-tar": _BINARY,
        "application/gzip": _BINARY,
        "application/zstd": _BINARY,
        "application/dicom": _BINARY,
        "image/jpeg": _BINARY,
        "image/png": _BINARY,
        "application/octet-stream": _BINARY,
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {
                    "films": {
                        "type": "array",
                        "items": {"type": "string", "format": "binary"},
                        "description": "Files under any field name; or a single archive.",
                    },
                    "name": _FIELD,
                    "metadata": _FIELD | {"description": "A JSON object."},
                    "bundle": _FIELD,
                    "model": _FIELD,
                    "priority": _FIELD | {"enum": ["interactive", "normal", "bulk"]},
                    "expires_in": _EXPIRES_IN,
                    "manifest": {
                        "type": "string",
                        "format": "binary",
                        "description": "A file, CSV or NDJSON: name, external_id and metadata of "
                        "the films, or of the archive's.",
                    },
                    "prefix": _PREFIX,
                    "from_job": _FROM_JOB,
                    "upload": _FIELD
                    | {"description": "The id of a complete upload, in place of films."},
                    "external_id": _EXTERNAL_ID,
                    "film_metadata": _FILM_METADATA,
                },
            }
        },
    },
}
FINISHED = {
    "description": "The only film's item, read or failed within the wait that was preferred.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Item"}}},
    "headers": {
        "Preference-Applied": {"schema": _FIELD, "description": "`wait=N`, as it was applied."},
        "Location": {"schema": _FIELD, "description": "The job."},
    },
}
PARAMETERS: list[dict[str, Any]] = [
    {"in": where, "name": name, "schema": {"type": "string"}, "description": text}
    for where, name, text in (
        (
            "header",
            "Idempotency-Key",
            "1 to 255 visible ASCII characters; the same key and request give the same job.",
        ),
        (
            "header",
            "Prefer",
            "`wait=N`: answer 200 with the only film's item if it is read in N s.",
        ),
        ("query", "name", "Of the job, for people."),
        ("query", "metadata", "A JSON object, given back as it came."),
        ("query", "bundle", "`name` or `name@version` of a model bundle; `model` means the same."),
        ("query", "model", "The same as `bundle`."),
        ("query", "priority", "`interactive`, `normal` or `bulk`."),
        ("query", "expires_in", _EXPIRES_IN["description"]),
        ("query", "external_id", _EXTERNAL_ID["description"]),
        ("query", "film_metadata", _FILM_METADATA["description"]),
        ("query", "filename", "Of a single film in a raw body."),
    )
]
"""With a form the query's parameters are fields of the form instead."""
WHOLE = {
    "required": True,
    "description": "The whole archive.",
    "content": {"application/octet-stream": _BINARY},
}
PART = WHOLE | {"description": "The bytes of the part."}
PART_PARAMETERS: list[dict[str, Any]] = [
    {"in": "query", "name": name, "required": True, "schema": _FIELD, "description": "Of the link."}
    for name in ("expires", "signature")
] + [
    {
        "in": "header",
        "name": "Content-MD5",
        "schema": _FIELD,
        "description": "MD5 of the body as Base64 (RFC 1864); compared where it is given.",
    }
]
LINK_PARAMETERS = PART_PARAMETERS[:2]
LAST_EVENT = {
    "in": "header",
    "name": "Last-Event-ID",
    "schema": {"type": "string"},
    "description": "The `id` of the last event that the reader has had; browsers send it.",
}
KEY_SCHEME = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "lungline_<id>_<secret>",
    "description": "An API key. Each operation names the scope that the key needs; where it names "
    "several, one of them is enough. A service that binds loopback may run without keys.",
}
_EVERYWHERE = problems(HostNotAllowed, LunglineError, DatabaseUnavailable)
(_TOO_LARGE,) = problems(TooLarge).values()
_WITHOUT_KEYS = problems(KeysNeeded)
_WITH_KEY = problems(KeyMissing, KeyInvalid, KeyExpired, ScopeMissing, KeysNeeded, TooManyRequests)


def configure_openapi(app: APIFlask) -> None:
    """Set the document up."""
    app.config.update(
        OPENAPI_VERSION="3.1.0",
        DESCRIPTION=DESCRIPTION,
        LICENSE={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        AUTO_404_RESPONSE=False,
        AUTO_VALIDATION_ERROR_RESPONSE=False,
        AUTO_SERVERS=False,
    )
    app.spec_processor(complete)


def complete(spec: dict[str, Any] | str) -> dict[str, Any] | str:
    """Add the bodies of submissions and the errors that any operation may give."""
    if isinstance(spec, str):  # YAML, which is not served
        return spec
    schemas = spec.setdefault("components", {}).setdefault("schemas", {})
    schemas |= {"Problem": PROBLEM, "Health": HEALTH}
    spec["components"]["securitySchemes"] = {"key": KEY_SCHEME}
    spec["tags"] = list({tag["name"]: tag for tag in spec["tags"]}.values())
    submission = spec["paths"]["/v1/jobs"]["post"]
    submission["responses"]["200"] = FINISHED
    spec["paths"]["/v1/jobs/{job_id}/events"]["get"]["parameters"].append(LAST_EVENT)
    submission |= {"requestBody": SUBMISSION, "parameters": PARAMETERS}
    spec["paths"]["/v1/uploads/{upload_id}/content"]["put"]["requestBody"] = WHOLE
    part = spec["paths"]["/v1/uploads/{upload_id}/parts/{number}"]["put"]
    part["requestBody"] = PART
    part["parameters"] += PART_PARAMETERS
    scopes = _scopes()
    content = spec["paths"]["/v1/exports/{export_id}/content"]["get"]
    content["parameters"] += LINK_PARAMETERS
    for path, operations in spec["paths"].items():
        for operation in operations.values():
            _secure(operation, scopes[operation["operationId"]])
            _complete_operation(operation, data=path.startswith("/v1/"))
            add_examples(operation, schemas)
    return spec


def _complete_operation(operation: dict[str, Any], *, data: bool) -> None:
    if "requestBody" in operation:
        operation["responses"].setdefault("413", deepcopy(_TOO_LARGE))
    for number, answer in _EVERYWHERE.items():
        status = str(number)
        if data or status != "503":
            operation["responses"].setdefault(status, deepcopy(answer))


def _scopes() -> dict[str, frozenset[Scope]]:
    """The scopes of which each operation needs one, by its id."""
    found = {}
    for endpoint, view in current_app.view_functions.items():
        operation = getattr(view, "_spec", {}).get("operation_id")
        if operation is not None:
            found[operation] = scopes_of(current_app, endpoint)
    return found


def _secure(operation: dict[str, Any], scopes: frozenset[Scope]) -> None:
    operation["security"] = [{"key": [str(scope)]} for scope in sorted(scopes)]
    for number, answer in (_WITH_KEY if scopes else _WITHOUT_KEYS).items():
        known = operation["responses"].setdefault(str(number), deepcopy(answer))
        examples = known["content"]["application/problem+json"]["examples"]
        more = answer["content"]["application/problem+json"]["examples"]
        if not more.keys() <= examples.keys():  # the operation has errors of this status itself
            known["description"] += " " + answer["description"]
            known["content"] = deepcopy(known["content"])
            known["content"]["application/problem+json"]["examples"] |= deepcopy(more)
