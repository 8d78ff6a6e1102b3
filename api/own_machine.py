"""Whether a request comes from the service's own machine: without keys no other one is answered.

gunicorn binds loopback only then (`api.gunicorn`), but another server may be told otherwise, and a
proxy on the machine passes on what comes from anywhere. One that adds no header cannot be told from
a client.
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

from flask import Request

_FORWARDED = "X-Forwarded-"
_BY_PROXIES = frozenset(
    {
        "Cdn-Loop",
        "Cf-Connecting-Ip",
        "Fastly-Client-Ip",
        "Fly-Client-Ip",
        "Forwarded",
        "Front-End-Https",
        "True-Client-Ip",
        "Via",
        "X-Client-Ip",
        "X-Cluster-Client-Ip",
        "X-Envoy-External-Address",
        "X-Original-Forwarded-For",
        "X-Original-Host",
        "X-Original-Uri",
        "X-Original-Url",
        "X-Real-Ip",
        "X-Scheme",
    }
)
"""Headers that proxies add, as WSGI spells them; besides all that begin with `X-Forwarded-`."""


def sent_here(request: Request) -> bool:
    """Whether who connected is on this machine: over loopback, or over a Unix socket."""
    # A trusted proxy is who connected, whomever it names.
    wsgi = request.environ
    peer = wsgi.get("werkzeug.proxy_fix.orig", wsgi).get("REMOTE_ADDR") or ""
    return not peer or _is_loopback(peer)


def passed_on(request: Request) -> bool:
    """Whether a header tells of a proxy."""
    return any(name in _BY_PROXIES or name.startswith(_FORWARDED) for name, _ in request.headers)


def _is_loopback(address: str) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        return found.ipv4_mapped.is_loopback
    return found.is_loopback
