"""From what a client asks for to a folder that the operator has allowed."""

from __future__ import annotations

from lungline.errors import PrefixNotAllowed
from lungline.settings import Settings
from lungline.sources import Location, read_locations
from storage.sources.base import Source
from storage.sources.folder import FolderSource

_LONGEST = 512


def open_source(settings: Settings, tenant: str, prefix: str) -> Source:
    """Find a folder; nothing is read yet.

    Args:
        settings: What the operator has allowed.
        tenant: Who asks.
        prefix: Name of an allowed place, and folders below it: `ward/2024/`.

    Raises:
        PrefixNotAllowed: There is no such place for the tenant, or the rest leads out of it.
    """
    name, _, rest = prefix.removesuffix("/").partition("/")
    below = rest.split("/") if rest else []
    location = _find(settings, tenant, name)
    unfit = any(part in ("", ".", "..") or not part.isprintable() for part in below)
    if unfit or "\\" in rest or len(prefix) > _LONGEST:
        raise PrefixNotAllowed(
            "prefix must be NAME/FOLDER/FOLDER/, without empty names, . or .., of at most "
            f"{_LONGEST} characters."
        )
    if location.folder is not None:
        return FolderSource(location.folder, below)
    # boto3 costs a third of a second and 30 MB, which the embedded stack does without.
    from storage.sources.bucket import BucketSource

    return BucketSource(
        settings, location.bucket, location.prefix + "".join(f"{part}/" for part in below)
    )


def allowed(settings: Settings, tenant: str) -> list[Location]:
    """The places that a tenant may read from."""
    locations = read_locations(settings.sources)
    return [location for location in locations if location.tenant in (None, tenant)]


def _find(settings: Settings, tenant: str, name: str) -> Location:
    known = {location.name: location for location in allowed(settings, tenant)}
    if name not in known:
        names = ", ".join(sorted(known)) or "none"
        raise PrefixNotAllowed(
            f"prefix must begin with the name of a place that may be read; there are: {names}. "
            "The operator adds places by LUNGLINE_SOURCES."
        )
    return known[name]
