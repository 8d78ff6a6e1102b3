"""/: the page for people."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import make_response, render_template
from flask.typing import ResponseReturnValue

import lungline
from api.access import open_to_all
from api.context import checked_job_id, parts

page = APIBlueprint("page", __name__, enable_openapi=False)


@page.get("/")
@page.get("/jobs/<job_id>")
@open_to_all
def index(job_id: str | None = None) -> ResponseReturnValue:
    """Show the page; it finds its job in the address."""
    if job_id is not None:
        checked_job_id(job_id)
    settings = parts().settings
    html = render_template(
        "index.html",
        version=lungline.__version__,
        max_films=settings.max_films_per_request,
        max_body=settings.max_body_bytes,
    )
    answer = make_response(html)
    answer.headers["Cache-Control"] = "no-cache"
    return answer
