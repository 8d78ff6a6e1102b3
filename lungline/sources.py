"""Places outside the service that films may be read from, as the operator's setting names them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_ENTRY = re.compile(r"(?P<name>[a-z0-9][a-z0-9-]{0,63})(@(?P<tenant>[^=@]+))?=(?P<location>.+)")
_BUCKET = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,62})/(?P<prefix>([^/]+/)*)")
_KEYS_BEGIN = re.compile(r"[A-Za-z0-9_]")
"""How every key of the service's own objects begins (`storage.objects.keys`)."""


@dataclass(frozen=True, slots=True)
class Location:
    """A place that films may be read from.

    Attributes:
        name: Under which clients know it.
        tenant: Who alone may read there; None: everybody.
        folder: A folder of the machine; None for one in a bucket.
        bucket: Of S3; empty for a folder.
        prefix: Of its keys, ending with `/`; empty: all of the bucket.
    """

    name: str
    tenant: str | None
    folder: Path | None
    bucket: str = ""
    prefix: str = ""


def read_locations(text: str) -> list[Location]:
    """Read `NAME=LOCATION` or `NAME@TENANT=LOCATION`, comma-separated.

    Raises:
        ValueError: An entry is none; the message says what it has to be.
    """
    return [_location(entry) for entry in filter(None, map(str.strip, text.split(",")))]


def check_locations(locations: list[Location], bucket: str | None, folders: list[Path]) -> None:
    """Refuse places where the service's own objects are.

    Args:
        locations: What is allowed.
        bucket: Of the service's own store; None: it is a folder.
        folders: In which the service keeps its data.

    Raises:
        ValueError: One of them would show what the service keeps of its tenants.
    """
    own = [folder.resolve() for folder in folders]
    for location in locations:
        if location.folder is not None:
            real = location.folder.resolve()
            if any(real == one or real in one.parents or one in real.parents for one in own):
                raise ValueError(f"{location.name} lies in, or holds, the service's own data")
        elif location.bucket == bucket and (
            not location.prefix or _KEYS_BEGIN.match(location.prefix)
        ):
            raise ValueError(
                f"{location.name} is in the service's own bucket; there its prefix must begin with "
                "a sign, as in +inbox/, which none of the service's keys does"
            )


def _location(entry: str) -> Location:
    match = _ENTRY.fullmatch(entry)
    if match is None:
        raise ValueError(
            "must list NAME=LOCATION, such as ward=/srv/films or pacs=s3://bucket/cxr/"
        )
    name, tenant, place = match["name"], match["tenant"], match["location"]
    if place.startswith("/"):
        return Location(name, tenant, Path(place))
    bucket = _BUCKET.fullmatch(place)
    if bucket is None:
        raise ValueError(f"{name} must be an absolute path or s3://BUCKET/PREFIX/, ending with /")
    return Location(name, tenant, None, bucket["bucket"], bucket["prefix"])
