"""What clients may let the service call: the public internet, at the address that was checked."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress
from ipaddress import ip_address, ip_network

import httpx
import pytest

from lungline.errors import AddressRefused
from lungline.public_address import check_url, is_public, outbound_client, public_address
from tests.factories.scripted import Answer, scripted

PUBLIC = "93.184.215.14"
LOOPBACK = (ip_network("127.0.0.0/8"),)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "192.168.1.1"),
        "0.0.0.0",  # noqa: S104
        *("169.254.169.254", "100.64.0.1", "192.0.0.8", "192.0.2.1", "198.18.0.1", "224.0.0.1"),
        *("240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fc00::1", "fd12::1", "ff02::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe"),
        *("2002:7f00:1::", "2002:a9fe:a9fe::1", "2001:0:1:1::1", "64:ff9b:1::1", "2001:db8::1"),
        *("fec0::1", "feff::1", "192.88.99.1", "::ffff:192.88.99.1", "3fff::1", "3fff:fff::1"),
    ],
)
def test_what_is_not_public_is_refused(address: str) -> None:
    assert not is_public(ip_address(address))
    with pytest.raises(AddressRefused, match="public"):
        public_address("hook.example", 443, resolver=lambda host, port: [address])
    with pytest.raises(AddressRefused):
        public_address("hook.example", 443, resolver=lambda host, port: [PUBLIC, address])


@pytest.mark.parametrize("address", [PUBLIC, "1.1.1.1", "2606:4700:4700::1111"])
def test_what_is_public_is_called_as_it_was_resolved(address: str) -> None:
    assert public_address("hook.example", 443, resolver=lambda host, port: [address]) == address


def test_the_answer_does_not_tell_which_names_exist_inside() -> None:
    """Else whoever may name an address could try names one by one."""
    inside = {"db.inside": ["10.0.0.1"], "both.inside": [PUBLIC, "10.0.0.1"]}

    def resolver(host: str, port: int) -> list[str]:
        if host not in inside:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return inside[host]

    told = set()
    for host in (*inside, "nobody.inside", "a" * 64):
        with pytest.raises(AddressRefused) as refused:
            check_url(f"https://{host}/", resolver=resolver)
        told.add((refused.value.code, refused.value.message))
    assert len(told) == 1


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "2130706433", "0x7f.0.0.1", "017700000001", "0", "localhost"]
)
def test_every_notation_of_this_machine_is_refused(host: str) -> None:
    with pytest.raises(AddressRefused):
        public_address(host, 80)


@pytest.mark.parametrize(
    "url",
    [
        "http://hook.example/",
        "file:///etc/passwd",
        "gopher://hook.example/",
        "//hook.example/",
        "https://",
        "https://user@hook.example/",
        "https://user:secret@hook.example/",
        "https://hook.example:99999/",
        "https://[::1",
        "https://[::1]/",
        "https://169.254.169.254/latest/meta-data/",
        "https://a..example/",
        "https://" + "a" * 300 + "/",
    ],
)
def test_addresses_that_are_not_taken(url: str) -> None:
    def resolver(host: str, port: int) -> list[str]:
        host.encode("idna")
        return [PUBLIC] if host == "hook.example" else [host]

    with pytest.raises(AddressRefused):
        check_url(url, resolver=resolver)
    check_url("https://hook.example:8443/path?query", resolver=resolver)


def test_an_operator_may_allow_a_network_of_its_own() -> None:
    check_url("http://127.0.0.1:80/", schemes=("http",), allowed=LOOPBACK)
    with pytest.raises(AddressRefused):
        check_url("http://10.0.0.1/", schemes=("http",), allowed=LOOPBACK)


def test_a_name_that_moves_after_the_check_is_not_followed() -> None:
    """The request goes to the address that was checked: the name is resolved once."""
    with scripted(Answer({"taken": True})) as service:
        asked: list[str] = []

        def resolver(host: str, port: int) -> list[str]:
            asked.append(host)
            return ["127.0.0.1"]

        port = httpx.URL(service.url).port
        with outbound_client(LOOPBACK, resolver) as client:
            answer = client.post(f"http://hook.example:{port}/in", json={"job": 1})

        assert answer.json() == {"taken": True}
        assert asked == ["hook.example"]
        (seen,) = service.seen
        assert (seen.path, seen.headers["Host"]) == ("/in", f"hook.example:{port}")
        with outbound_client(resolver=resolver) as client, pytest.raises(AddressRefused):
            client.post(f"http://hook.example:{port}/in")
        assert len(service.seen) == 1, "nothing was sent"


def test_a_redirect_is_checked_like_the_first_address() -> None:
    elsewhere = Answer(status=302, headers={"Location": "http://inside.example/"})
    with scripted(elsewhere) as service:
        port = httpx.URL(service.url).port

        def resolver(host: str, port: int) -> list[str]:
            return ["127.0.0.1"] if host == "hook.example" else ["10.0.0.1"]

        with outbound_client(LOOPBACK, resolver) as client:
            assert client.get(f"http://hook.example:{port}/").status_code == 302
            with pytest.raises(AddressRefused):
                client.get(f"http://hook.example:{port}/", follow_redirects=True)


def test_a_certificate_must_be_that_of_the_name() -> None:
    """TLS asks for the name, not for the address."""
    context = ssl.create_default_context()
    seen: list[str] = []
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.sni_callback = lambda connection, name, own: seen.append(str(name))  # type: ignore[assignment]
    assert context.check_hostname
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_greet, args=(listener, server))
        thread.start()
        with (
            outbound_client(LOOPBACK, lambda host, port: ["127.0.0.1"]) as client,
            pytest.raises(httpx.ConnectError),
        ):
            client.get(f"https://hook.example:{listener.getsockname()[1]}/")
        thread.join()
    assert seen == ["hook.example"]


def _greet(listener: socket.socket, context: ssl.SSLContext) -> None:
    """Begin TLS with a client; it has no certificate to show."""
    connection, _ = listener.accept()
    with connection, suppress(OSError):
        context.wrap_socket(connection, server_side=True).close()
