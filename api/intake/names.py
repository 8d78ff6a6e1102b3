"""Names that clients give: shown to people, never used as keys or paths, never logged."""

from __future__ import annotations

import unicodedata

MOST_CHARACTERS = 1_000
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_UNFIT = {"Cc", "Cs"}  # control characters (NUL among them) and lone surrogates


def clean_name(name: str) -> str:
    """Make a name fit for a database and a page: no control characters, at most 1,000 characters.

    The end of a name too long is kept, as it tells films apart.
    """
    shown = "".join(_REPLACEMENT if unicodedata.category(c) in _UNFIT else c for c in name)
    return shown[-MOST_CHARACTERS:]
