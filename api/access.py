"""Who asks, and may they: each view declares its scope, and nothing undeclared is served.

Below the route decorator of a view stands either `needs(Scope.READ)` (or other scopes, of which one
is enough) or `open_to_all`. The application does not start with a view that says neither.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote

from flask import Flask, current_app, g, redirect, request
from flask.typing import ResponseReturnValue

from api.caller import ANYBODY, Caller
from api.context import parts
from api.guard import SAFE_METHODS, from_other_site
from api.own_machine import passed_on, sent_here
from api.rates import Rates
from api.session import COOKIE
from lungline.domain import Scope
from lungline.errors import (
    CrossSite,
    KeyInvalid,
    KeyMissing,
    KeysNeeded,
    ScopeMissing,
    TooManyRequests,
)
from lungline.settings import Settings

View = TypeVar("View", bound=Callable[..., Any])

_DECLARED = "lungline_scopes"
_LIBRARY_ENDPOINTS = frozenset({"static", "openapi.spec"})
_SCHEME = "bearer"
_REFUSED = "lungline_refused"
_PAGES = "page.show_"
_HOLDER = "lungline_holder"


def needs(*scopes: Scope) -> Callable[[View], View]:
    """Declare that a view is for keys with one of these scopes."""

    def declare(view: View) -> View:
        setattr(view, _DECLARED, frozenset(scopes))
        return view

    return declare


def open_to_all(view: View) -> View:
    """Declare that a view needs no key: it tells nothing of anybody, or checks a link itself."""
    setattr(view, _DECLARED, frozenset())
    return view


def scopes_of(app: Flask, endpoint: str) -> frozenset[Scope]:
    """The scopes of which a view's caller needs one; none: it is open to all.

    Raises:
        RuntimeError: The view does not say.
    """
    if endpoint in _LIBRARY_ENDPOINTS:
        return frozenset()
    declared = getattr(app.view_functions[endpoint], _DECLARED, None)
    if declared is None:
        raise RuntimeError(f"The view {endpoint} must declare its scope: see api/access.py.")
    return frozenset(declared)


def check_declared(app: Flask) -> None:
    """Refuse an application with a view that does not declare its scope.

    Raises:
        RuntimeError: It has one.
    """
    for endpoint in app.view_functions:
        scopes_of(app, endpoint)


def register_access(app: Flask, settings: Settings) -> None:
    """Find out for every request who asks, and refuse who may not."""
    asked = Rates(settings.max_requests_per_minute)
    app.extensions[_REFUSED] = Rates(settings.max_refusals_per_minute)

    def check() -> ResponseReturnValue | None:
        if request.endpoint is None or request.method == "OPTIONS":
            return None  # a 404, or a list of methods: the same for all
        wanted = scopes_of(current_app, request.endpoint)
        if settings.keys_needed:
            if request.endpoint.startswith(_PAGES) and session_holder() is None:
                return redirect(f"/sign-in?back={quote(request.path)}", 303)
            if wanted:
                g.caller = _key_holder()
                _within(asked.take(str(g.caller.key_id)))
                check_scope(g.caller, wanted)
            return None
        # Who trusts proxies and wants no keys lets in whom these let in.
        if not sent_here(request) or (not settings.trusted_proxies and passed_on(request)):
            raise KeysNeeded(
                "The service runs without keys, for its own machine only, and this request came "
                "from another one, or through a proxy. Its operator must set LUNGLINE_AUTH=keys."
            )
        g.caller = ANYBODY
        return None

    app.before_request(check)


def check_key(token: str) -> Caller:
    """Tell who holds a key; an address from which wrong ones come gets no answer for a while.

    Raises:
        KeyInvalid: It opens nothing.
        TooManyRequests: Too many wrong ones came from there.
    """
    refused, address = current_app.extensions[_REFUSED], request.remote_addr or ""
    _within(refused.look(address))
    try:
        return Caller.of(parts().repository.keys.check(token))
    except KeyInvalid:
        refused.take(address)
        raise


def session_holder() -> Caller | None:
    """Who signed in to the page; None: nobody, or nobody has to, or the session's key has ended."""
    if not parts().settings.keys_needed:
        return None
    if _HOLDER not in g:
        setattr(g, _HOLDER, _find_holder())
    return getattr(g, _HOLDER)  # type: ignore[no-any-return]


def check_scope(caller: Caller, wanted: frozenset[Scope]) -> None:
    """Refuse a caller who has none of the scopes.

    Raises:
        ScopeMissing: So it is; the message names those that would do.
    """
    if not caller.scopes & wanted:
        raise ScopeMissing(wanted)


def _find_holder() -> Caller | None:
    key_id = parts().sessions.key_id(request.cookies.get(COOKIE, ""))
    try:
        return None if key_id is None else Caller.of(parts().repository.keys.get(key_id))
    except KeyInvalid:
        return None


def _within(seconds: int) -> None:
    if seconds:
        error = TooManyRequests(f"Too many requests; the next is answered in {seconds} s.")
        error.retry_after = seconds
        raise error


def _key_holder() -> Caller:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == _SCHEME and token.strip():
        return check_key(token.strip())
    caller = session_holder()
    if caller is None:
        raise KeyMissing("Send an API key: `Authorization: Bearer KEY`.")
    # Sites that may send a key of their own may not use what the browser keeps.
    if request.method not in SAFE_METHODS and from_other_site():
        raise CrossSite("A page of another site sent this request; it was not carried out.")
    return caller
