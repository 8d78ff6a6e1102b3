"""Finding jobs and items by what clients said of them in metadata.

Each value of an object's metadata is kept as a hash of its tenant, kind, key and text. So keys and
values of any length and of any characters are plain data of one width, and those that have one are
neighbours in one index, in the order of their ids, as pages need them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, delete, func, insert, select
from sqlalchemy.orm import InstrumentedAttribute, aliased

from lungline.terms import term_text
from storage.common_terms import Bounds, in_common
from storage.models import TermRow
from storage.upserts import chunks

MOST_TERMS = 32
"""Values of one job or item that it is found by; others come back, but lead nowhere."""
MOST_CONDITIONS = 8
"""Terms of one search."""
COUNTED = 4_000
"""Of how many that have the rarest term each is asked for the others; of more it takes too long."""
_DIGITS = 32  # 128 bits

Condition = tuple[str, str]  # key, text of the value


class Kind(StrEnum):
    """What has metadata."""

    JOB = "job"
    ITEM = "item"


@dataclass(frozen=True, slots=True)
class Search:
    """How those are found that have all terms.

    Attributes:
        connection: Of the transaction that searches.
        owner_id: The id of what is searched.
        key: The same as the leading index has it: pages begin and are ordered by it.
        terms: Conditions of the terms.
        common: Digests of the terms, where each of them has so many that none should lead.
    """

    connection: Connection
    owner_id: InstrumentedAttribute[str]
    key: InstrumentedAttribute[str]
    terms: list[ColumnElement[bool]]
    common: list[str]

    def page(
        self, conditions: Collection[ColumnElement[bool]], bounds: Bounds, limit: int
    ) -> tuple[Select[str] | list[str], str | None]:
        """Find ids, newest first; what belongs to them is looked up afterwards.

        Args:
            conditions: Of what is searched itself.
            bounds: Of the ids.
            limit: Most ids.

        Returns:
            The ids, or a query for them; and, where there are fewer because enough was looked at
            for one page, below which id to go on.
        """
        if self.common:
            holding = partial(self._holding, conditions)
            return in_common(self.connection, self.common, bounds, limit, holding)
        if self.key is not self.owner_id:
            # Not a join: SQLite would begin it with all that the tenant has.
            owner = select(self.owner_id).where(self.owner_id == self.key, *conditions)
            conditions = [_one_by_one(owner)]
        query = select(self.key).where(*self.terms, *bounds.of(self.key), *conditions)
        # The query around it asks the same table, and would take the conditions for its own.
        return query.order_by(self.key.desc()).limit(limit).correlate(None), None

    def _holding(
        self, conditions: Collection[ColumnElement[bool]], ids: Collection[str]
    ) -> set[str]:
        """Those of some ids of which all conditions hold."""
        holding: set[str] = set()
        for some in chunks(ids):
            query = select(self.owner_id).where(self.owner_id.in_(some), *conditions)
            holding.update(self.connection.execute(query).scalars())
        return holding


def digest(kind: Kind, tenant: str, key: str, text: str) -> str:
    """Hash a term."""
    # As JSON no two terms are written alike, and every text can be encoded.
    written = json.dumps([kind, tenant, key, text])
    return hashlib.sha256(written.encode()).hexdigest()[:_DIGITS]


def digests(kind: Kind, tenant: str, metadata: Mapping[str, Any] | None) -> list[str]:
    """Hash the terms of a job's or an item's metadata, the first `MOST_TERMS` of them."""
    texts = ((key, term_text(value)) for key, value in (metadata or {}).items())
    found = ((key, text) for key, text in texts if text is not None)
    return [digest(kind, tenant, key, text) for key, text in islice(found, MOST_TERMS)]


def keep(connection: Connection, kind: Kind, owners: Iterable[Mapping[str, Any]]) -> None:
    """Insert the terms of new jobs or items, given as the rows that were inserted."""
    rows = [
        {"digest": each, "owner_id": owner["id"]}
        for owner in owners
        for each in digests(kind, owner["tenant"], owner.get("client_metadata"))
    ]
    if rows:
        connection.execute(insert(TermRow), rows)


def forget(connection: Connection, owner_ids: Collection[str]) -> None:
    """Remove the terms of jobs or items that are removed."""
    for some in chunks(owner_ids):
        connection.execute(delete(TermRow).where(TermRow.owner_id.in_(some)))


def search(
    connection: Connection,
    kind: Kind,
    tenant: str,
    owner_id: InstrumentedAttribute[str],
    conditions: Collection[Condition],
    *,
    lead: bool,
) -> Search:
    """Plan a search.

    Args:
        connection: Of the transaction that will search.
        kind: Of what is searched.
        tenant: Whose.
        owner_id: The id of what is searched.
        conditions: All must hold; none: everything is found.
        lead: Whether terms lead to what is found; else another index does, and they only sift.
    """
    wanted = [digest(kind, tenant, *one) for one in conditions]
    counts = _counted(connection, wanted) if len(wanted) > 1 else dict.fromkeys(wanted, 0)
    wanted = sorted(counts, key=counts.__getitem__)
    if lead and len(wanted) > 1 and counts[wanted[0]] == COUNTED:
        return Search(connection, owner_id, owner_id, [], wanted)
    key, found = owner_id, list[ColumnElement[bool]]()
    if lead and wanted:
        key = TermRow.owner_id
        found.append(TermRow.digest == wanted.pop(0))
    for each in wanted:
        term = aliased(TermRow)
        one = select(term.owner_id).where(term.digest == each, term.owner_id == key)
        found.append(_one_by_one(one))
    return Search(connection, owner_id, key, found, [])


def _one_by_one(query: Select[str]) -> ColumnElement[bool]:
    """Let a query be asked for each row, by a primary key.

    PostgreSQL would make a join of it, and without fresh statistics begin that with whole tables;
    an OFFSET forbids it.
    """
    return query.offset(0).exists()


def _counted(connection: Connection, wanted: Collection[str]) -> dict[str, int]:
    """Count how many have each term, up to `COUNTED`: SQLite does not know it by itself."""
    some = [
        select(TermRow.owner_id).where(TermRow.digest == each).limit(COUNTED).subquery()
        for each in wanted
    ]
    counts = [select(func.count()).select_from(one).scalar_subquery() for one in some]
    return dict(zip(wanted, connection.execute(select(*counts)).one(), strict=True))
