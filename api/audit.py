"""Views that an audit event tells of declare it: below the route stands `audited(Action...)`.

A change of the database brings its event with it, in one transaction (`storage.audit.tell`). Of the
rest, such as reading, the event is written once the answer is made; one that cannot be written is
told in the log, and the answer is given all the same: what was done is done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from flask import Flask, Response, current_app, g, request

from api.context import caller, parts
from api.rates import Rates
from lungline.errors import DatabaseUnavailable
from lungline.telemetry import get_logger
from storage.audit import Action, Asked, asked_by

View = TypeVar("View", bound=Callable[..., Any])

_DECLARED = "lungline_audited"
_NOTHING_DONE = 300  # an error, or an answer that the client has already

_REPEATED = frozenset({Action.RESULTS_READ, Action.EXPORT_READ})
_READS_PER_MINUTE = 1
"""Of the same job by the same key: a page that follows it reads it every second, and who looks
through its films asks for each one of them and its pictures."""

log = get_logger("api.audit")


def audited(action: Action) -> Callable[[View], View]:
    """Declare that an audit event tells of what a view does."""

    def declare(view: View) -> View:
        setattr(view, _DECLARED, action)
        return view

    return declare


def audit_target(*targets: str) -> None:
    """Name what a request made or read, whose id is not what its address holds.

    Args:
        targets: An event tells of each; without any, none tells of the request.
    """
    g.audit_targets = targets


def not_audited() -> None:
    """Let no event tell of this request: it got nothing of what is told of."""
    audit_target()


def register_audit(app: Flask) -> None:
    """Write the events."""
    reads = Rates(_READS_PER_MINUTE)

    def begin() -> None:
        view = current_app.view_functions.get(request.endpoint or "")
        action = getattr(view, _DECLARED, None)
        # Who only asks for the methods of an address is nobody yet.
        if action is not None and "caller" in g:
            g.asked = Asked(action, caller().tenant, caller().key_id, g.request_id)
            asked_by(g.asked)

    def record(response: Response) -> Response:
        asked: Asked | None = g.get("asked")
        done = response.status_code < _NOTHING_DONE
        if asked is not None and not asked.told and done:
            _record(asked, reads)
        return response

    app.before_request(begin)
    app.after_request(record)
    app.teardown_request(lambda _: asked_by(None))


def _record(asked: Asked, reads: Rates) -> None:
    (in_address, *_) = [*(request.view_args or {}).values(), None]
    targets: Sequence[str | None] = g.get("audit_targets", (in_address,))
    if asked.action in _REPEATED:
        reader = asked.tenant, asked.key_id
        targets = [target for target in targets if not reads.take(repr((*reader, target)))]
    if not targets:
        return
    try:
        parts().repository.audit.record(asked, targets)
    except DatabaseUnavailable:
        log.error("audit_not_written", action=str(asked.action), targets=targets)
