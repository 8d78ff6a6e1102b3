"""/sign-in: people exchange a key for a session of the page."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug import Response

from api.access import check_key, open_to_all, session_holder
from api.context import parts
from api.page.assets import assets_version
from api.session import set_session
from lungline.errors import KeyInvalid

sign_in = APIBlueprint("sign_in", __name__, enable_openapi=False)


@sign_in.get("/sign-in")
@open_to_all
def show_sign_in() -> Response:
    """Ask for a key."""
    return _form(200)


@sign_in.post("/sign-in")
@open_to_all
def do_sign_in() -> ResponseReturnValue:
    """Begin a session, if the key opens something."""
    try:
        caller = check_key(request.form.get("key", "").strip())
    except KeyInvalid as error:
        return _form(401, error.message)
    answer = redirect("/", 303)
    set_session(answer, parts().sessions.make(str(caller.key_id)))
    return _unkept(answer)


@sign_in.post("/sign-out")
@open_to_all
def do_sign_out() -> ResponseReturnValue:
    """End the session in this browser."""
    answer = redirect("/sign-in", 303)
    set_session(answer, "")
    return _unkept(answer)


def _form(status: int, problem: str = "") -> Response:
    html = render_template(
        "sign_in.html",
        assets=f"/assets/{assets_version()}",
        problem=problem,
        caller=session_holder(),
    )
    return _unkept(make_response(html, status))


def _unkept(answer: Response) -> Response:
    answer.headers["Cache-Control"] = "no-store"
    return answer
