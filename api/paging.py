"""Pages of a list: the items, and where the next page is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlencode

from flask import request

from storage.pages import Page

T = TypeVar("T")


def page_answer(
    page: Page[T], wire: Callable[[T], dict[str, Any]]
) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Make the answer for a page: body, status, headers with a `Link` to the next page."""
    headers = {"Cache-Control": "no-store"}
    if page.next_cursor is not None:
        query = urlencode(request.args.to_dict() | {"cursor": page.next_cursor})
        headers["Link"] = f'<{request.path}?{query}>; rel="next"'
    return {"items": [wire(item) for item in page.items], "next": page.next_cursor}, 200, headers
