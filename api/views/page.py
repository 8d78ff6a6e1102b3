"""The web page: server-rendered frames, which small modules fill from the API."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import Response, current_app, redirect, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from api.access import check_scope, open_to_all, session_holder
from api.context import checked_item_id, checked_job_id, parts
from api.headers import content_policy
from api.page.assets import assets_version
from api.page.cards import read_cards
from api.page.frame import SYSTEM_SCOPES, inside, show
from api.page.texts import COOKIE, COOKIE_SECONDS, LANGUAGES, catalogue

page = APIBlueprint("page", __name__, enable_openapi=False)

_FOR_EVER = "public, max-age=31536000, immutable"


@page.get("/")
@open_to_all
def show_submit() -> ResponseReturnValue:
    """Take films."""
    job_id = request.args.get("job")
    if job_id is not None:  # the address of a job in the first version of the page
        return redirect(f"/jobs/{checked_job_id(job_id)}")
    answer = show("submit")
    _allow_uploads(answer)
    return answer


@page.get("/jobs")
@open_to_all
def show_jobs() -> ResponseReturnValue:
    """List jobs."""
    return show("jobs")


@page.get("/jobs/<job_id>")
@open_to_all
def show_job(job_id: str) -> ResponseReturnValue:
    """Show a job and its films."""
    return show("job", job_id=checked_job_id(job_id))


@page.get("/films/<item_id>")
@open_to_all
def show_film(item_id: str) -> ResponseReturnValue:
    """Show a film."""
    return show("film", item_id=checked_item_id(item_id))


@page.get("/models")
@open_to_all
def show_models() -> ResponseReturnValue:
    """Show the bundles, their figures and cards."""
    return show("models", cards=read_cards(parts().bundles))


@page.get("/system")
@open_to_all
def show_system() -> ResponseReturnValue:
    """Show how the service stands, to whom its numbers are told."""
    if (holder := session_holder()) is not None:
        check_scope(holder, SYSTEM_SCOPES)
    return show("system")


@page.get("/language/<language>")
@open_to_all
def choose_language(language: str) -> ResponseReturnValue:
    """Keep a visitor's choice, and go back to where it was made."""
    if language not in LANGUAGES:
        raise NotFound
    answer = redirect(inside(request.args.get("back", "/")), 303)
    answer.set_cookie(COOKIE, language, COOKIE_SECONDS, httponly=True, samesite="Lax")
    return answer


@page.get("/assets/<version>/texts/<language>.js")
@open_to_all
def get_texts(version: str, language: str) -> Response:
    """Give the texts of a language as a module."""
    if language not in LANGUAGES:
        raise NotFound
    texts = current_app.json.dumps(catalogue(language))
    answer = Response(f"export default {texts};\n", content_type="text/javascript; charset=utf-8")
    return _kept(answer, version)


@page.get("/assets/<version>/<path:name>")
@open_to_all
def get_asset(version: str, name: str) -> Response:
    """Give one of the page's own files."""
    answer = current_app.send_static_file(name)
    if name.endswith((".js", ".css")):  # read at once, so that it can be compressed
        answer.direct_passthrough = False
    return _kept(answer, version)


def _kept(answer: Response, version: str) -> Response:
    """Let browsers keep what an address names for ever, if it names what there is now."""
    fresh = version == assets_version()
    answer.headers["Cache-Control"] = _FOR_EVER if fresh else "no-cache"
    return answer


def _allow_uploads(answer: Response) -> None:
    """Let the page send parts of archives to the store itself, where the store takes them."""
    origin = parts().settings.upload_origin
    if origin is not None:
        answer.headers["Content-Security-Policy"] = content_policy(connect=origin)
