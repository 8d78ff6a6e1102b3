"""A request's id, and its line in the log."""

from __future__ import annotations

import re
import time
from typing import Any

import structlog
from flask import Flask, Response, g, request

from lungline.domain import new_id
from lungline.telemetry import get_logger

HEADER = "X-Request-Id"
_GIVEN = re.compile(r"[0-9a-fA-F-]{16,64}")
"""Of what clients send, that which can be an id (a UUID, a trace id) and spells no name."""
_ID = re.compile(r"[0-9a-f]{32}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_NO_ROUTE = "none"
_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})

log = get_logger("api.access")


def register_trace(app: Flask) -> None:
    """Give every request an id, on its log lines and in its answer."""
    app.before_request(_begin)
    app.after_request(_end)
    app.teardown_request(_clear)


def bind_job(job_id: str) -> None:
    """Put the id of the job that a request made on its further log lines, its own among them."""
    tokens = structlog.contextvars.bind_contextvars(job_id=job_id)
    g.log_tokens = {**g.log_tokens, **tokens}


def route() -> str:
    """The template of the address (`/v1/jobs/<job_id>`), which names nobody."""
    return request.url_rule.rule if request.url_rule else _NO_ROUTE


def method() -> str:
    """The request's method, if it is one that HTTP knows."""
    return request.method if request.method in _METHODS else "other"


def _begin() -> None:
    given = request.headers.get(HEADER, "")
    g.request_id = given if _GIVEN.fullmatch(given) else new_id()
    g.began = time.monotonic()
    g.log_tokens = structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _end(response: Response) -> Response:
    response.headers[HEADER] = g.request_id
    # Route and ids only: a path or a query may hold a name.
    line = log.debug if route() in _QUIET and response.status_code < 500 else log.info
    line(
        "request",
        method=method(),
        route=route(),
        status=response.status_code,
        milliseconds=round((time.monotonic() - g.began) * 1000, 1),
        **_ids(),
        **_key(),
    )
    return response


def _ids() -> dict[str, Any]:
    """The ids in the address, where they can be ids."""
    given = request.view_args or {}
    return {name: value for name, value in given.items() if _ID.fullmatch(str(value))}


def _key() -> dict[str, str]:
    """The id of the key that asked, which opens nothing by itself."""
    key_id = getattr(g.get("caller"), "key_id", None)
    return {} if key_id is None else {"by_key": key_id}


def _clear(error: BaseException | None) -> None:
    tokens = g.pop("log_tokens", None)
    if tokens:
        structlog.contextvars.reset_contextvars(**tokens)
