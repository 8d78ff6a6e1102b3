"""Addresses that clients name and the service calls: only public ones, and only as resolved.

Whoever may name an address for a webhook or a pull could name one that only the service reaches: a
database, a cloud's metadata, the machine itself (server-side request forgery). So a name is
resolved once, every address that it has must be public, and the connection goes to the address that
was checked: a name that points elsewhere a moment later (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from urllib.parse import urlsplit

import httpx

from lungline.errors import AddressRefused

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], list[str]]

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 10.0
_PORTS = {"http": 80, "https": 443}
_NOT_PUBLIC = tuple(
    map(
        ip_network,
        (
            # They carry an IPv4 address, which a gateway would reach: RFC 6052, 8215, 3056, 4380.
            *("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32"),
            # Some Pythons take them for public: of protocols (RFC 6890), relays of 6to4 (RFC 7526),
            # of one site (RFC 3879), of documents (RFC 9637).
            *("192.0.0.0/24", "192.88.99.0/24", "fec0::/10", "3fff::/20"),
        ),
    )
)
# One text for both, or whoever may name an address could find out which names there are inside.
_REFUSED = (
    "The address's host cannot be resolved, or does not lead to the public internet. The service "
    "calls no private addresses unless its operator allows them."
)


def resolve(host: str, port: int) -> list[str]:
    """All addresses of a host, as the system's resolver gives them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def is_public(address: Address, allowed: Iterable[Network] = ()) -> bool:
    """Whether an address is one of the public internet.

    Args:
        address: An IPv4 address inside an IPv6 one (`::ffff:127.0.0.1`) counts as itself.
        allowed: Networks that count as public.
    """
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    if _in(address, allowed):
        return True
    special = address.is_multicast or address.is_reserved or address.is_unspecified
    return address.is_global and not special and not _in(address, _NOT_PUBLIC)


def _in(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in each for each in networks if each.version == address.version)


def public_address(
    host: str, port: int, allowed: Iterable[Network] = (), resolver: Resolve = resolve
) -> str:
    """Resolve a host; give the address to connect to.

    Args:
        host: A name, or an address in any notation that the resolver takes.
        port: The port.
        allowed: Private networks that may be called all the same.
        resolver: Gives all addresses of a host.

    Raises:
        AddressRefused: It has no address, or one that is not public.
    """
    allowed = tuple(allowed)
    try:
        addresses = [ip_address(each.partition("%")[0]) for each in resolver(host, port)]
    except (OSError, ValueError):  # ValueError: a name that cannot be one
        addresses = []
    # All of them: one that is private shows that the name is not an ordinary one.
    if not addresses or not all(is_public(address, allowed) for address in addresses):
        raise AddressRefused(_REFUSED)
    return str(addresses[0])


def check_url(
    url: str,
    *,
    schemes: Iterable[str] = ("https",),
    allowed: Iterable[Network] = (),
    resolver: Resolve = resolve,
) -> None:
    """Check an address when a client names it; `PublicTransport` checks it again when it is called.

    Args:
        url: What the client named.
        schemes: Those that are taken.
        allowed: Private networks that may be called all the same.
        resolver: Gives all addresses of a host.

    Raises:
        AddressRefused: It may not be called.
    """
    schemes = tuple(schemes)
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        raise AddressRefused("This is no address.") from None
    if parts.scheme not in schemes or not parts.hostname:
        raise AddressRefused(f"The address must begin with {' or '.join(schemes)}://.")
    if parts.username is not None or parts.password is not None:
        raise AddressRefused("The address must not hold a user or a password.")
    public_address(parts.hostname, port, allowed, resolver)


class PublicTransport(httpx.BaseTransport):
    """Carries requests to public addresses only, each to the address that was checked.

    A redirect, where the client follows it, is checked like the first address. No proxy of the
    environment is used, and no connection is kept: on a shared address one host's connection must
    not carry the requests of another.
    """

    def __init__(self, allowed: Iterable[Network] = (), resolver: Resolve = resolve) -> None:
        """Prepare.

        Args:
            allowed: Private networks that may be called all the same.
            resolver: Gives all addresses of a host.
        """
        self._allowed = tuple(allowed)
        self._resolver = resolver
        self._inner = httpx.HTTPTransport(
            trust_env=False, limits=httpx.Limits(max_keepalive_connections=0)
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request.

        Raises:
            AddressRefused: Its address may not be called.
        """
        host, scheme = request.url.host, request.url.scheme
        port = request.url.port or _PORTS[scheme]
        address = public_address(host, port, self._allowed, self._resolver)
        pinned = httpx.Request(
            request.method,
            request.url.copy_with(host=address),
            headers=request.headers,  # `Host` among them, as the client wrote it
            stream=request.stream,
            # The certificate must be that of the name.
            extensions={**request.extensions, "sni_hostname": host},
        )
        return self._inner.handle_request(pinned)

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()


def outbound_client(allowed: Iterable[Network] = (), resolver: Resolve = resolve) -> httpx.Client:
    """A client for addresses that others name: public ones only, no redirects, short waits."""
    return httpx.Client(
        transport=PublicTransport(allowed, resolver),
        timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
        follow_redirects=False,
        trust_env=False,
    )
