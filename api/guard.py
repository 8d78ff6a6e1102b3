"""Keeps other web sites out of a service that listens on a visitor's own machine.

A page of another site can make a browser send requests to 127.0.0.1. Two checks stop it: the
`Host` must be a name of this service, or the site could point its own name at 127.0.0.1 (DNS
rebinding) and read the answers; and a changing request must not come from another origin.
"""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from flask import Flask, request

from api.cors import from_listed_origin, listed_origins
from lungline.errors import CrossSite, HostNotAllowed
from lungline.settings import Settings

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITES = frozenset({"same-origin", "none"})
_ANY = "*"


def register_guard(app: Flask, settings: Settings) -> None:
    """Check every request."""
    names, origins = allowed_names(settings), listed_origins(settings)

    def check() -> None:
        if not host_allowed(request.host, names):
            raise HostNotAllowed(
                "The service is not known under this host name. Its operator can add the name to "
                "LUNGLINE_ALLOWED_HOSTS."
            )
        safe = request.method in SAFE_METHODS or from_listed_origin(origins)
        if not safe and from_other_site():
            raise CrossSite("A page of another site sent this request; it was not carried out.")

    app.before_request(check)


def allowed_names(settings: Settings) -> frozenset[str]:
    """The host names of this service, in lower case."""
    listed = (name.strip().lower() for name in settings.allowed_hosts.split(","))
    public = urlsplit(settings.url).hostname or ""
    return frozenset({"localhost", public, settings.api_host.lower(), *listed}) - {""}


def host_allowed(host: str, names: frozenset[str]) -> bool:
    """Whether a `Host` header names this service; the port does not matter.

    An address is always right: only a name can be pointed elsewhere by its owner.
    """
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return _ANY in names or name in names or _is_address(name)


def from_other_site() -> bool:
    """Whether a browser says that another origin's page made the request."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in _OWN_SITES
    origin = request.headers.get("Origin")
    return origin is not None and urlsplit(origin).netloc != request.host


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
