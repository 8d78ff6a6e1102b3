"""What clients say of a film: their own id for it, and what else they want back with it."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass
from typing import Any, NoReturn

MOST_ID = 200
"""Characters of an external id."""
_UNFIT = {"Cc", "Cs"}  # control characters (NUL among them) and lone surrogates
_LOWEST_SURROGATE, _HIGHEST_SURROGATE = "\ud800", "\udfff"


@dataclass(frozen=True, slots=True)
class External:
    """What the client said of one film; it comes back with the film's results.

    Attributes:
        id: The client's own id, 1 to 200 characters; films may share one. None: it gave none.
        metadata: A JSON object, given back as it came; None: it gave none.
    """

    id: str | None = None
    metadata: dict[str, Any] | None = None


NOTHING = External()
"""The client said nothing of the film."""


def read_external(external_id: str, metadata: str, most: int) -> External:
    """Check what a client says of a film; empty texts say nothing.

    Args:
        external_id: As it came.
        metadata: JSON text.
        most: Largest metadata, in bytes.

    Raises:
        ValueError: One of them cannot be taken; the message says why, without its content.
    """
    if len(external_id) > MOST_ID:
        raise ValueError(f"external_id has more than {MOST_ID} characters")
    if any(unicodedata.category(character) in _UNFIT for character in external_id):
        raise ValueError("external_id has control characters")
    return External(external_id or None, read_metadata(metadata, most) if metadata else None)


def read_metadata(text: str, most: int) -> dict[str, Any]:
    """Read a JSON object that a client wants back; an empty text is an empty one.

    Raises:
        ValueError: It cannot be taken; the message says why, without its content.
    """
    if len(text.encode(errors="replace")) > most:
        raise ValueError(f"metadata has more than {most:,} bytes, the limit")
    try:
        value = json.loads(text or "{}", parse_constant=_no_constant)
        json.dumps(value, allow_nan=False)  # 1e999 is read as infinity
        fit = isinstance(value, dict) and _storable(value)
    except (ValueError, RecursionError):
        fit = False
    if not fit:
        raise ValueError(
            "metadata must be a JSON object, without NaN, infinity, NUL or lone surrogates"
        )
    return dict(value)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _storable(value: object) -> bool:
    """Whether a database can keep all texts in `value`."""
    if isinstance(value, str):
        return not any(c == "\0" or _LOWEST_SURROGATE <= c <= _HIGHEST_SURROGATE for c in value)
    if isinstance(value, dict):
        return all(_storable(key) and _storable(item) for key, item in value.items())
    return all(map(_storable, value)) if isinstance(value, list) else True
