"""Pages in the visitor's language, and the one that tells why there is no other."""

from __future__ import annotations

import re
from functools import partial
from typing import Any
from urllib.parse import quote

from flask import Response, g, make_response, render_template, request

import lungline
from api.access import session_holder
from api.caller import Caller
from api.page.assets import assets_version
from api.page.texts import LANGUAGES, catalogue, chosen_language, told, translate
from lungline.domain import Scope
from lungline.errors import KeyInvalid, KeyMissing, LunglineError, ScopeMissing

SYSTEM_SCOPES = frozenset({Scope.MONITOR, Scope.ADMIN})
"""Of which a key needs one to see how the service stands."""
_HTML, _JSON = "text/html", "application/json"
_PATH = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*")
"""No second slash, no backslash, no blank: browsers drop tabs, and then look for a host."""
_OF_KEYS = (KeyMissing, KeyInvalid, ScopeMissing)
_TITLED = (401, 403, 404, 410, 413, 429, 503)
"""Statuses with a title of their own; the others share one of the client's and one of ours."""


def inside(back: str) -> str:
    """A path of this site, whatever a link says: nobody can make it lead elsewhere."""
    return back if _PATH.fullmatch(back) else "/"


def show(name: str, **values: Any) -> Response:
    """Render a page in the visitor's language."""
    return _render(name, session_holder(), **values)


def wants_page() -> bool:
    """Whether a person in a browser asks: programs take anything, or JSON before HTML."""
    accept = request.accept_mimetypes
    return accept[_HTML] > accept[_JSON]


def show_refusal(error: LunglineError) -> Response:
    """Render what went wrong, and what to do; nothing of it needs a part of the service."""
    kind = error.status if error.status in _TITLED else error.status // 100
    language = chosen_language()
    answer = _render(
        "refusal",
        None,
        title=translate(language, f"refusal.{kind}"),
        words=told(language, error.code, error.message),
        code=error.code,
        scopes=error.scopes if isinstance(error, ScopeMissing) else [],
        request_id=g.get("request_id"),
        wait=error.retry_after,
        sign_in=f"/sign-in?back={quote(request.path)}" if isinstance(error, _OF_KEYS) else None,
        again=error.retry_after is not None and request.method == "GET",
    )
    answer.status_code = error.status
    return answer


def _render(name: str, holder: Caller | None, **values: Any) -> Response:
    language = chosen_language()
    html = render_template(
        f"{name}.html",
        page=name,
        t=partial(translate, language),
        texts=catalogue(language),
        language=language,
        languages=LANGUAGES,
        back=request.full_path.rstrip("?"),
        holder=holder,
        sees_system=holder is None or bool(holder.scopes & SYSTEM_SCOPES),
        assets=f"/assets/{assets_version()}",
        version=lungline.__version__,
        **values,
    )
    answer = make_response(html)
    # Who has signed out is not led back to what scripts had filled in.
    answer.headers["Cache-Control"] = "no-cache" if holder is None else "no-store"
    answer.vary.update(("Accept-Language", "Cookie"))
    return answer
