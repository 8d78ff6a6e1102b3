"""Pages by cursor: stable while rows are added, and as quick for the last page as for the first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from lungline.errors import InvalidParameter

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows, and where the next ones begin.

    Attributes:
        items: The rows.
        next_cursor: Pass it to get the next page; None on the last page.
    """

    items: list[T]
    next_cursor: str | None


def make_page(
    rows: Sequence[U],
    limit: int,
    build: Callable[[U], T],
    cursor_of: Callable[[T], str],
    rest: str | None = None,
) -> Page[T]:
    """Make a page of `limit` rows from a query that asked for one row more.

    Args:
        rows: At most `limit + 1` rows.
        limit: The page's size.
        build: Makes the value from its row.
        cursor_of: Gives the cursor that continues after a value.
        rest: The cursor that continues where the query stopped before a page was full.
    """
    items = [build(row) for row in rows[:limit]]
    more = len(rows) > limit
    return Page(items, cursor_of(items[-1]) if more and items else rest)


def seq_after(cursor: str | None) -> int:
    """Read the cursor of a list that goes by `seq`: rows above it come next.

    Raises:
        InvalidParameter: It is none.
    """
    if cursor is None:
        return -1
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 10):
        raise InvalidParameter("cursor: this is not a cursor of this list; start without one.")
    return int(cursor)
