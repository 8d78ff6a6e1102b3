"""The audit itself: pages of the store's listings against rows, pages of rows against the store."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from storage.object_audit.claims import Claim, claims
from storage.object_audit.owners import owned
from storage.object_audit.places import Place, place_of
from storage.object_audit.removal import Removal
from storage.object_audit.unfinished import in_hand
from storage.objects import Listed, ObjectStore, Unfinished
from storage.repository import Repository

PAGE = 1_000
"""Objects, or rows, in memory at a time."""
_ASKED = 8
"""Questions to the store at a time."""


class Problem(StrEnum):
    """What can be wrong."""

    ORPHAN = "orphan"
    UNFINISHED = "unfinished"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong. Keys are made of ids and digests: they name no patient.

    Attributes:
        problem: What it is.
        kind: The kind of object; of a missing one the table of its row.
        key: Of the object.
        size: Bytes of an orphan.
        row: Id of the row whose object is missing.
        parts: What is there of an unfinished object.
    """

    problem: Problem
    kind: str
    key: str
    size: int | None = None
    row: str | None = None
    parts: Unfinished | None = None


class ObjectAudit:
    """Compares store and database. Slow, and harmless beside a service at work.

    Attributes:
        objects: Looked at so far.
        rows: Looked at so far.
        foreign: Objects of another shape than any that the service writes; they are left alone.
    """

    def __init__(self, repository: Repository, store: ObjectStore, grace_seconds: float) -> None:
        """Keep both.

        Args:
            repository: The database.
            store: The object store.
            grace_seconds: Objects that are younger are left alone: an object comes before its row.
                0 only where nothing is being sent or read.
        """
        self._repository, self._store, self._grace = repository, store, grace_seconds
        self._removal = Removal(repository.database, store, grace_seconds)
        self.objects = self.rows = self.foreign = 0

    def orphans(self) -> Iterator[Finding]:
        """Yield the objects that no row owns, in the order of the listing.

        Raises:
            PartUnavailable: The store or the database failed.
        """
        listing = self._store.listing("")
        while page := list(islice(listing, PAGE)):
            self.objects += len(page)
            yield from self._unowned(page)

    def unfinished(self) -> Iterator[Finding]:
        """Yield the objects of which parts came, and that nobody will complete.

        Raises:
            PartUnavailable: The store or the database failed.
        """
        listing = self._store.parts.unfinished()
        while page := list(islice(listing, PAGE)):
            until = time.time() - self._grace if self._grace else None
            old = [one for one in page if until is None or one.begun_at < until]
            with self._repository.database.read() as connection:
                theirs = in_hand(connection, old)
            for one in old:
                place = place_of(one.key)
                if place is None:
                    self.foreign += 1
                elif one not in theirs:
                    yield Finding(Problem.UNFINISHED, place.kind, one.key, parts=one)

    def missing(self) -> Iterator[Finding]:
        """Yield the objects that rows say to have and the store has not.

        Raises:
            PartUnavailable: The store or the database failed.
        """
        for claim in claims():
            after = ""
            while True:
                with self._repository.database.read() as connection:
                    rows = claim.rows(connection, after, PAGE)
                if not rows:
                    break
                self.rows += len(rows)
                after = rows[-1][0]
                yield from self._absent(claim, [(row, key) for row, keys in rows for key in keys])

    def remove(self, finding: Finding) -> bool:
        """Remove what has no owner; call `purge` once after the last. False: it has one by now.

        Raises:
            PartUnavailable: The store or the database failed.
        """
        if finding.parts is not None:
            return self._removal.drop(finding.parts)
        place = place_of(finding.key)
        return place is not None and self._removal.remove(place)

    def purge(self) -> None:
        """Delete the films that `remove` has marked.

        Raises:
            PartUnavailable: The store or the database failed; the sweep does the rest.
        """
        while self._repository.deletions.films(self._store):
            pass
        while self._repository.retention.films(self._store).looked:
            pass

    def _unowned(self, page: list[Listed]) -> Iterator[Finding]:
        old = self._old(page)
        if not old:
            return
        with self._repository.database.read() as connection:
            now = self._repository.database.time(connection)
            theirs = owned(connection, [place for place, _ in old], now - self._grace)
        for place, size in old:
            # What the sweep deleted meanwhile has neither row nor object.
            if place.key not in theirs and self._store.exists(place.key):
                yield Finding(Problem.ORPHAN, place.kind, place.key, size=size)

    def _old(self, page: list[Listed]) -> list[tuple[Place, int]]:
        found = []
        until = time.time() - self._grace if self._grace else None
        for listed in page:
            place = place_of(listed.key)
            if place is None:
                self.foreign += 1
            elif until is None or listed.modified_at < until:
                found.append((place, listed.size))
        return found

    def _absent(self, claim: Claim, pairs: list[tuple[str, str]]) -> Iterator[Finding]:
        with ThreadPoolExecutor(_ASKED, "audit") as pool:
            there = list(pool.map(self._store.exists, [key for _, key in pairs]))
        gone = [pair for pair, is_there in zip(pairs, there, strict=True) if not is_there]
        for row, key in gone:
            # The row may have let go of it meanwhile, or got it back.
            with self._repository.database.read() as connection:
                still = claim.still(connection, row, key)
            if still and not self._store.exists(key):
                yield Finding(Problem.MISSING, claim.table, key, row=row)
