"""Views that an audit event tells of declare it: below the route stands `audited(Action...)`.

The event is written once the answer is made, if what was asked was done. An event that cannot be
written is told in the log, and the answer is given all the same: what was done is done.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, Response, current_app, g, request

from api.context import caller, parts
from api.rates import Rates
from lungline.errors import DatabaseUnavailable
from lungline.telemetry import get_logger
from storage.audit import Action

View = TypeVar("View", bound=Callable[..., Any])

_DECLARED = "lungline_audited"
_NOTHING_DONE = 300  # an error, or an answer that the client has already

_READS_PER_MINUTE = 1
"""Of the same job by the same key: a page that follows a job reads it every second."""

log = get_logger("api.audit")


def audited(action: Action) -> Callable[[View], View]:
    """Declare that an audit event tells of what a view does."""

    def declare(view: View) -> View:
        setattr(view, _DECLARED, action)
        return view

    return declare


def audit_target(target: str) -> None:
    """Name what a request made, whose id its address cannot hold."""
    g.audit_target = target


def register_audit(app: Flask) -> None:
    """Write the events."""
    told = Rates(_READS_PER_MINUTE)

    def record(response: Response) -> Response:
        view = current_app.view_functions.get(request.endpoint or "")
        action = getattr(view, _DECLARED, None)
        # Who only asks for the methods of an address is nobody yet.
        if action is not None and "caller" in g and response.status_code < _NOTHING_DONE:
            _record(action, told)
        return response

    app.after_request(record)


def _record(action: Action, told: Rates) -> None:
    (in_address, *_) = [*(request.view_args or {}).values(), None]
    target = g.get("audit_target", in_address)
    event = {"tenant": caller().tenant, "key_id": caller().key_id, "target": target}
    if action is Action.RESULTS_READ and told.take(repr(event)):
        return
    try:
        parts().repository.audit.record(action, request_id=g.request_id, **event)
    except DatabaseUnavailable:
        log.error("audit_not_written", action=str(action), **event)
