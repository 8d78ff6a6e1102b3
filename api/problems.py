"""Every error leaves as `application/problem+json` (RFC 9457) with a stable code.

Who looks at an address in a browser gets a page instead, in the visitor's language.
"""

from __future__ import annotations

from typing import Any

from apiflask import APIFlask, HTTPError
from flask import Response, current_app, g, json, request
from werkzeug.exceptions import HTTPException

from api.context import parts
from api.intake.names import clean_name
from api.page.frame import show_refusal, wants_page
from lungline.errors import (
    BodyCutOff,
    ClientError,
    InvalidParameter,
    KeyInvalid,
    KeyMissing,
    LunglineError,
    MethodNotAllowed,
    NotFound,
    PartUnavailable,
    ScopeMissing,
    TooLarge,
)
from lungline.telemetry import get_logger

PROBLEM_TYPE = "application/problem+json"

# RFC 6750, section 3.
_CHALLENGES: dict[type[LunglineError], str] = {
    KeyMissing: 'Bearer realm="lungline"',
    KeyInvalid: 'Bearer realm="lungline", error="invalid_token"',
    ScopeMissing: 'Bearer realm="lungline", error="insufficient_scope"',
}

log = get_logger(__name__)


def problem(error: LunglineError, **extra: Any) -> Response:
    """Make the answer for an error.

    Args:
        error: Gives code, status, title, detail and when to try again.
        extra: Further members.
    """
    response = _document(error, extra) if extra or not wants_page() else show_refusal(error)
    response.headers["Cache-Control"] = "no-store"
    response.vary.add("Accept")
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    for kind, challenge in _CHALLENGES.items():
        if isinstance(error, kind):
            response.headers["WWW-Authenticate"] = challenge
    return response


def register_problems(app: APIFlask) -> None:
    """Let every error of the application leave as a problem."""
    app.register_error_handler(LunglineError, _on_known)
    app.register_error_handler(HTTPError, _on_invalid)
    app.register_error_handler(HTTPException, _on_http)
    app.register_error_handler(Exception, _on_unknown)


def _document(error: LunglineError, extra: dict[str, Any]) -> Response:
    body = {
        "type": f"urn:lungline:error:{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": error.message,
        "code": error.code,
        "instance": clean_name(request.path),
        "request_id": g.get("request_id"),
    }
    return current_app.response_class(
        json.dumps(body | extra), status=error.status, content_type=PROBLEM_TYPE
    )


def _on_known(error: LunglineError) -> Response:
    if isinstance(error, PartUnavailable):
        parts().failures.count(error)
        # One line: while a part is away, every request ends here.
        log.warning("request_failed", code=error.code, cause=_first_line(error.__cause__))
    elif error.status >= 500:
        log.warning("request_failed", code=error.code, exc_info=error.__cause__ is not None)
    return problem(error)


def _first_line(cause: BaseException | None) -> str | None:
    return f"{type(cause).__name__}: {cause}".partition("\n")[0] if cause else None


def _on_invalid(error: HTTPError) -> Response:
    """Answer a query that its schema refused."""
    found = error.detail if isinstance(error.detail, dict) else {}
    fields = {name: reasons for place in found.values() for name, reasons in place.items()}
    words = "; ".join(f"{name}: {' '.join(map(str, why))}" for name, why in fields.items())
    return problem(InvalidParameter(clean_name(words) or "A parameter cannot be taken."))


def _on_http(error: HTTPException) -> Response:
    """Answer what Flask and Werkzeug raise."""
    if error.code is not None and error.code < 400:
        return Response(error.get_body(), error.code, list(error.get_headers()))
    answer = problem(_known(error))
    allowed = getattr(error, "valid_methods", None)
    if allowed:
        answer.headers["Allow"] = ", ".join(sorted(allowed))
    return answer


def _known(error: HTTPException) -> LunglineError:
    if error.code == 404:
        return NotFound("There is nothing at this address. /openapi.json lists what there is.")
    if error.code == 405:
        return MethodNotAllowed("The address does not know this method; Allow lists those it does.")
    if error.code == 413:
        return TooLarge("The body is larger than the limit.")
    if type(error).__name__ == "ClientDisconnected":
        return BodyCutOff("The connection ended before the body did.")
    if error.code is not None and error.code < 500:
        return ClientError(error.description or "The request is not valid.")
    return LunglineError("Something failed inside the service.")


def _on_unknown(error: Exception) -> Response:
    log.error("request_crashed", exc_info=error)
    return problem(LunglineError("Something failed inside the service. It was logged."))
