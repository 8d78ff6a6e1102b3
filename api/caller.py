"""Who asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from lungline.domain import DEFAULT_TENANT, Scope
from storage.keys import Key


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and what for.

    Attributes:
        tenant: Whose data the request is about.
        scopes: What it may do.
        key_id: By which key; None in a service without keys.
    """

    tenant: str
    scopes: frozenset[Scope]
    key_id: str | None

    @classmethod
    def of(cls, key: Key) -> Self:
        """Who holds a key."""
        return cls(key.tenant, key.scopes, key.id)


ANYBODY = Caller(DEFAULT_TENANT, frozenset(Scope), None)
"""Who asks a service without keys."""
