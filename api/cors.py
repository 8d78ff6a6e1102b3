"""Pages of other sites that the operator trusts (`LUNGLINE_CORS_ORIGINS`) may call the API.

The check is the browser's: it asks before a request that changes something, and shows a page only
the answers that name its origin. Nobody else is named. Such a page may send an API key that it has;
what the browser itself keeps (cookies) is never allowed.
"""

from __future__ import annotations

from flask import Flask, Response, request

from lungline.settings import Settings

METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
REQUEST_HEADERS = (
    "Accept, Authorization, Content-MD5, Content-Type, Idempotency-Key, If-None-Match, "
    "Last-Event-ID, Prefer, X-Request-Id"
)
ANSWER_HEADERS = (
    "Content-Disposition, Deprecation, ETag, Idempotency-Replayed, Link, Location, "
    "Preference-Applied, Retry-After, Sunset, X-Request-Id"
)
_PREFLIGHT_SECONDS = "600"


def register_cors(app: Flask, settings: Settings) -> None:
    """Let the listed origins in; without any, nothing is added to any answer."""
    origins = listed_origins(settings)
    if not origins:
        return

    def preflight() -> Response | None:
        asked = "Access-Control-Request-Method" in request.headers
        if request.method != "OPTIONS" or not asked or not from_listed_origin(origins):
            return None
        answer = Response(status=204)
        answer.headers["Access-Control-Allow-Methods"] = METHODS
        answer.headers["Access-Control-Allow-Headers"] = REQUEST_HEADERS
        answer.headers["Access-Control-Max-Age"] = _PREFLIGHT_SECONDS
        return answer

    def name(answer: Response) -> Response:
        answer.vary.add("Origin")
        if from_listed_origin(origins):
            answer.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
            answer.headers["Access-Control-Expose-Headers"] = ANSWER_HEADERS
        return answer

    app.before_request(preflight)
    app.after_request(name)


def listed_origins(settings: Settings) -> frozenset[str]:
    """The origins of trusted pages, as browsers write them."""
    listed = (origin.strip().lower() for origin in settings.cors_origins.split(","))
    return frozenset(listed) - {""}


def from_listed_origin(origins: frozenset[str]) -> bool:
    """Whether a page of one of these origins made the request."""
    return request.headers.get("Origin") in origins
