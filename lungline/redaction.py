"""Secrets never stand in logs: whatever looks like one is replaced in every line.

The last line of defence: nothing should log a secret to begin with, but drivers put addresses
into the texts of their errors, and databases values of rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, MutableMapping
from typing import Any

HIDDEN = "[hidden]"
_PATTERNS = (
    re.compile(r"(?<=lungline_[0-9a-f]{32}_)[A-Za-z0-9_-]{20,}"),  # an API key
    re.compile(r"(?i)(?<=bearer )[^\s\"',]+"),
    re.compile(r"(?<=://)[^\s/@\"']*:[^\s/@\"']+(?=@)"),  # user and password of an address
    re.compile(r"(?i)(?<=signature=)[^\s&\"']+"),  # of a link, S3's among them
    re.compile(r"(?i)(?<=password=)[^\s&\"',)]+"),  # of an address, or of libpq's words
    re.compile(r"(?<=lungline_session=)[^\s;\"',]+"),
    re.compile(r"(?<=whsec_)[A-Za-z0-9+/=_-]+"),
    # Values of rows, as PostgreSQL quotes them behind the first line of an error.
    re.compile(r"(?<=DETAIL:  )[^\n]+"),
    re.compile(r"(?<=CONTEXT:  )[^\n]+"),
)
_SHORTEST = 6
"""A shorter secret could be any word; it has no place in a deployment."""


class Redactor:
    """A processor of structlog that hides secrets in all texts of a line."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Also hide `secrets`, wherever they stand."""
        known = sorted({each for each in secrets if len(each) >= _SHORTEST}, key=len, reverse=True)
        words = "|".join(map(re.escape, known))
        self._patterns = (*_PATTERNS, re.compile(words)) if words else _PATTERNS

    def __call__(
        self, logger: Any, method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        """Hide them."""
        for name, value in event.items():
            event[name] = self._clean(value)
        return event

    def text(self, text: str) -> str:
        """Hide the secrets of a text."""
        for pattern in self._patterns:
            text = pattern.sub(HIDDEN, text)
        return text

    def _clean(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {name: self._clean(each) for name, each in value.items()}
        if isinstance(value, list | tuple):
            return [self._clean(each) for each in value]
        return value
