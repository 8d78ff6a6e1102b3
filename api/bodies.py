"""Bodies are small, unless a view declares that it takes large ones.

Below the route of such a view stands `streams_body`: it opens its body itself (`api.intake.body`),
under a limit of its own, and never holds it whole. What all other views read into memory, forms and
JSON, ends at `SMALL_BODY_BYTES`, whether the client has said how long it is or not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, BinaryIO, TypeVar, cast

from apiflask.schema_adapters.marshmallow import parser
from flask import Flask, Request, current_app, request
from marshmallow import Schema
from webargs.core import missing, parse_json
from webargs.flaskparser import is_json_request
from werkzeug.wsgi import get_input_stream

from api.intake.body import Body
from lungline.errors import ClientError

View = TypeVar("View", bound=Callable[..., Any])

SMALL_BODY_BYTES = 64 * 1024
"""Several times what the longest document of any view needs."""

_DECLARED = "lungline_streams_body"


def streams_body(view: View) -> View:
    """Declare that a view takes a large body, which it limits itself and does not hold whole."""
    setattr(view, _DECLARED, True)
    return view


def register_bodies(app: Flask) -> None:
    """Limit the body of each request whose view does not do so itself."""

    def limit() -> None:
        view = current_app.view_functions.get(request.endpoint or "")
        if getattr(view, _DECLARED, False):
            return
        # Not by `max_content_length`: Werkzeug cuts a chunked body off there, and says nothing.
        stream = cast(BinaryIO, get_input_stream(request.environ))
        advice = "Nothing that is sent here needs more."
        body = Body(stream, request.content_length, SMALL_BODY_BYTES, advice)
        request.environ["wsgi.input"] = body

    app.before_request(limit)


@parser.location_loader("json")
def read_json(asked: Request, schema: Schema) -> Any:
    """Read a body that is JSON; nothing where it is empty, or of another kind.

    Raises:
        ClientError: It is no JSON, or none that can be read.
        TooLarge: See `register_bodies`.
    """
    text = asked.get_data() if is_json_request(asked) else b""
    if not text:
        return missing
    try:
        return parse_json(text)
    except RecursionError:
        raise ClientError("The body is nested too deep: lists in lists, or objects.") from None
    except ValueError as error:  # also a number of thousands of digits
        raise ClientError(f"The body is no JSON that can be read: {_reason(error)}.") from None


def _reason(error: ValueError) -> str:
    """Why, in words that repeat nothing of the body."""
    place = getattr(error, "pos", None)
    return "a part of it is not allowed" if place is None else f"see its character {place}"
