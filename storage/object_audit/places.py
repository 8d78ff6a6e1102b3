"""What an object's key says of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What an object is."""

    FILM = "film"
    MASK = "mask"
    VIEW = "view"
    UPLOAD = "upload"  # an archive or a manifest
    EXPORT = "export"
    BUNDLE = "bundle"  # a file of an added one


@dataclass(frozen=True, slots=True)
class Place:
    """An object's key, taken apart.

    Attributes:
        key: The whole.
        kind: What it is.
        tenant: Whose; of a bundle's file the bundle's checksum.
        name: SHA-256 of the film, of pictures of one too; else the last segment.
    """

    key: str
    kind: Kind
    tenant: str
    name: str


_SHA256 = "[0-9a-f]{64}"
_NAMES = {
    "films": (Kind.FILM, re.compile(f"({_SHA256})")),
    "masks": (Kind.MASK, re.compile(f"({_SHA256})-.+")),
    "views": (Kind.VIEW, re.compile(f"({_SHA256})[.]png")),
    "uploads": (Kind.UPLOAD, re.compile("([0-9a-f]{32})")),
    "exports": (Kind.EXPORT, re.compile("([0-9a-f]{32})")),
}


def place_of(key: str) -> Place | None:
    """Take a key apart; None: no part of the service writes such a one."""
    segments = key.split("/")
    if len(segments) != 3:
        return None
    first, second, last = segments
    if first == "_bundles":
        if not re.fullmatch(_SHA256, second) or not re.fullmatch(_SHA256, last):
            return None
        return Place(key, Kind.BUNDLE, second, last)
    kind, pattern = _NAMES.get(second, (None, None))
    found = pattern.fullmatch(last) if pattern else None
    return Place(key, kind, first, found[1]) if kind and found else None
