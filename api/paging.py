"""Pages of a list: the items, and where the next page is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode

from flask import Response, request

from api.conditional import Answer, conditional, tag_of
from api.intake.names import clean_name
from lungline.errors import InvalidParameter
from lungline.terms import PREFIX
from storage.pages import Page
from storage.terms import MOST_CONDITIONS, Condition

T = TypeVar("T")


def check_filters(query: Mapping[str, Any]) -> None:
    """Refuse what is no filter of a list: left out, a misspelt one would list everything.

    Args:
        query: As its schema read it.

    Raises:
        InvalidParameter: The request has a parameter that the schema has not.
    """
    searchable = "metadata" in query
    unknown = sorted(
        name
        for name in set(request.args) - set(query)
        if not (searchable and name.startswith(PREFIX))
    )
    if unknown:
        names = ", ".join(repr(clean_name(name)[:40]) for name in unknown[:5])
        known = sorted(f"{PREFIX}KEY" if name == "metadata" else name for name in query)
        raise InvalidParameter(f"Unknown filter {names}. Known are {', '.join(known)}.")


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
