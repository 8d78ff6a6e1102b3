"""/sign-in: people exchange a key for a session of the page."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import redirect, request
from flask.typing import ResponseReturnValue
from werkzeug import Response

from api.access import check_key, open_to_all, session_holder
from api.context import parts
from api.page.frame import inside, show
from api.session import COOKIE, clear_kept, set_session
from lungline.errors import KeyInvalid, TooManyRequests

sign_in = APIBlueprint("sign_in", __name__, enable_openapi=False)


@sign_in.get("/sign-in")
@open_to_all
def show_sign_in() -> Response:
    """Ask for a key."""
    return _form(200, request.args.get("back", ""))


@sign_in.post("/sign-in")
@open_to_all
def do_sign_in() -> ResponseReturnValue:
    """Begin a session, if the key opens something."""
    back = request.form.get("back", "")
    try:
        caller = check_key(request.form.get("key", "").strip())
    except KeyInvalid:
        return _form(401, back)
    except TooManyRequests as error:
        return _form(429, back, error.retry_after)
    answer = redirect(inside(back), 303)
    set_session(answer, parts().sessions.make(str(caller.key_id)))
    if COOKIE in request.cookies:  # maybe somebody else's, who has left
        clear_kept(answer)
    return _unkept(answer)


@sign_in.post("/sign-out")
@open_to_all
def do_sign_out() -> ResponseReturnValue:
    """End the session in this browser."""
    answer = redirect("/sign-in", 303)
    set_session(answer, "")
    clear_kept(answer)
    return _unkept(answer)


def _form(status: int, back: str, wait: int | None = None) -> Response:
    # Whoever has a cookie and no session had one.
    over = COOKIE in request.cookies
    answer = show("sign_in", onward=inside(back), wrong=status == 401, over=over, wait=wait)
    answer.status_code = status
    if over and session_holder() is None:
        clear_kept(answer)
    if wait is not None:
        answer.headers["Retry-After"] = str(wait)
    return _unkept(answer)


def _unkept(answer: Response) -> Response:
    answer.headers["Cache-Control"] = "no-store"
    return answer
