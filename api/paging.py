"""Pages of a list: the items, and where the next page is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlencode

from flask import Response, request

from api.conditional import Answer, conditional, tag_of
from lungline.errors import InvalidParameter
from lungline.terms import PREFIX
from storage.pages import Page
from storage.terms import MOST_CONDITIONS, Condition

T = TypeVar("T")


def metadata_conditions() -> list[Condition]:
    """Read `metadata.KEY=VALUE` from the query; the key is all behind the first dot.

    Raises:
        InvalidParameter: There are too many.
    """
    found = [
        (name.removeprefix(PREFIX), value)
        for name, value in request.args.items(multi=True)
        if name.startswith(PREFIX)
    ]
    if len(found) > MOST_CONDITIONS:
        raise InvalidParameter(f"More than {MOST_CONDITIONS} conditions `{PREFIX}KEY=VALUE`.")
    return found


def next_link(cursor: str) -> str:
    """The `Link` (RFC 8288) from a page to the next one."""
    kept = [one for one in request.args.items(multi=True) if one[0] != "cursor"]
    query = urlencode([*kept, ("cursor", cursor)])
    return f'<{request.path}?{query}>; rel="next"'


def page_answer(
    page: Page[T], wire: Callable[[T], dict[str, Any]], version: Callable[[T], object]
) -> Answer | Response:
    """Make the answer for a page, with a tag and a `Link` (RFC 8288) to the next page.

    Args:
        page: The rows.
        wire: Tells one.
        version: What changes whenever a row does.
    """
    headers = {}
    if page.next_cursor is not None:
        headers["Link"] = next_link(page.next_cursor)
    tag = tag_of(page.next_cursor, *map(version, page.items))
    body = {"next": page.next_cursor}
    return conditional(tag, lambda: {"items": [wire(item) for item in page.items]} | body, headers)
