"""What a key may look like, so that it is safe as a path, in a URL and in a log."""

from __future__ import annotations

import re

LEAST_SEGMENTS = 3
LONGEST_KEY = 512
_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@+=-]{0,127}")


def check_key(key: str) -> tuple[str, ...]:
    """Split a key into its segments.

    A segment has 1 to 128 letters, digits and `._@+=-` and does not begin with a sign, so that
    no key leads out of a folder (`..`) or hides in it. A key has three segments or more:
    `<tenant>/<kind>/<name>`.

    Raises:
        ValueError: It is no key. Keys are made of ids and digests, never of what a client sends,
            so this is a mistake in the program.
    """
    segments = tuple(key.split("/"))
    good = all(_SEGMENT.fullmatch(segment) for segment in segments)
    if not good or len(segments) < LEAST_SEGMENTS or len(key) > LONGEST_KEY:
        raise ValueError("an object key is <tenant>/<kind>/<name>, of letters, digits and ._@+=-")
    return segments


def check_range(start: int, length: int) -> None:
    """Refuse a range that is none.

    Raises:
        ValueError: A number below zero.
    """
    if start < 0 or length < 0:
        raise ValueError(f"a range has no negative numbers, not {start} and {length}")
