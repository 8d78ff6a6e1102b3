"""What has all of several terms, of which each has very many.

To ask for each of half a million whether it has the other terms too takes seconds, where no or few
do. The index has the ids of each term in their order: so all lists are cut at the same places, and
the pieces are intersected, until a page is full or enough was looked at for one page.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, CompoundSelect, Connection, desc, intersect, select
from sqlalchemy.orm import InstrumentedAttribute

from storage.models import TermRow

PIECES = (1_000, 4_000, 8_000)
"""Ids of each term in the pieces that one page looks at. What is common mostly meets soon."""


class Bounds(NamedTuple):
    """Between which ids is searched.

    Attributes:
        below: Above all of them; None: no such bound.
        least: The least of them; None: no such bound.
    """

    below: str | None = None
    least: str | None = None

    def of(self, key: InstrumentedAttribute[str]) -> list[ColumnElement[bool]]:
        """The same as conditions of a column."""
        bounds: list[ColumnElement[bool]] = [] if self.below is None else [key < self.below]
        return bounds if self.least is None else [*bounds, key >= self.least]


class Piece(NamedTuple):
    """Ids that are looked at together.

    Attributes:
        first: The largest.
        last: The least; None: all that are left.
    """

    first: str
    last: str | None


def in_common(
    connection: Connection,
    digests: Sequence[str],
    bounds: Bounds,
    limit: int,
    sift: Callable[[list[str]], Collection[str]],
) -> tuple[list[str], str | None]:
    """Find ids that have all terms, largest first.

    Args:
        connection: To the database.
        digests: Of the terms, two or more.
        bounds: Of the ids.
        limit: Most ids.
        sift: Says of which ids everything else holds that must.

    Returns:
        The ids; and, where fewer were found although not all was looked at, below which id
        to go on.
    """
    found: list[str] = []
    for size in PIECES:
        piece = _piece(connection, digests, bounds, size)
        if piece is None:
            return found, None
        most = max(limit, size // 4)  # few may pass what else must hold
        ids = connection.execute(_having_all(digests, piece, bounds).limit(most)).scalars().all()
        kept = sift(list(ids))
        found += [each for each in ids if each in kept]
        if len(found) >= limit:
            return found[:limit], None
        below = ids[-1] if len(ids) == most else piece.last
        if below is None:
            return found, None
        bounds = bounds._replace(below=below)
    return found, bounds.below


def _piece(
    connection: Connection, digests: Sequence[str], bounds: Bounds, size: int
) -> Piece | None:
    """Cut the next piece, which has no more than `size` ids of any term; None behind the last.

    It begins where all terms have an id or had one before: what one of them has above is of no use.
    """
    heads = _each(connection, digests, bounds.of(TermRow.owner_id), 0)
    first = min((head for head in heads if head is not None), default=None)
    if first is None or None in heads:
        return None
    below = [TermRow.owner_id <= first, *bounds._replace(below=None).of(TermRow.owner_id)]
    lasts = _each(connection, digests, below, size - 1)
    return Piece(first, max((last for last in lasts if last is not None), default=None))


def _each(
    connection: Connection,
    digests: Sequence[str],
    bounds: Sequence[ColumnElement[bool]],
    place: int,
) -> Sequence[str | None]:
    """The id of each term at a place of its list, from 0; None where that is shorter."""
    lists = [
        select(TermRow.owner_id)
        .where(TermRow.digest == digest, *bounds)
        .order_by(TermRow.owner_id.desc())
        .limit(1)
        .offset(place)
        .scalar_subquery()
        for digest in digests
    ]
    return tuple(connection.execute(select(*lists)).one())


def _having_all(digests: Sequence[str], piece: Piece, bounds: Bounds) -> CompoundSelect[str]:
    least = piece.last or bounds.least
    within = [TermRow.owner_id <= piece.first, *Bounds(least=least).of(TermRow.owner_id)]
    lists = [select(TermRow.owner_id).where(TermRow.digest == one, *within) for one in digests]
    # Not inside of another query: there SQLite would make tables of the lists, before it reads one.
    return intersect(*lists).order_by(desc("owner_id"))
