"""The API's socket."""

from __future__ import annotations

import threading

import pytest

from lungline.errors import ConfigurationError
from lungline.stack import PortBusy
from lungline.stack.listener import open_listener, url_of


def test_port_zero_takes_a_free_one() -> None:
    with open_listener("127.0.0.1", 0) as one, open_listener("127.0.0.1", 0) as other:
        assert url_of(one) != url_of(other)
        assert url_of(one).startswith("http://127.0.0.1:")


def test_busy_port_is_named() -> None:
    with open_listener("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(PortBusy, match=f"port {port} .* --port"):
            open_listener("127.0.0.1", port)


def test_patience_waits_for_a_port_that_gets_free() -> None:
    listener = open_listener("127.0.0.1", 0)
    port = listener.getsockname()[1]
    threading.Timer(0.2, listener.close).start()

    with open_listener("127.0.0.1", port, patience=60) as again:
        assert again.getsockname()[1] == port


def test_address_of_another_machine_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"192\.0\.2\.1"):
        open_listener("192.0.2.1", 0)  # reserved for documentation (RFC 5737)


def test_url_of_all_addresses_is_this_machine() -> None:
    with open_listener("0.0.0.0", 0) as listener:  # noqa: S104
        assert url_of(listener).startswith("http://127.0.0.1:")
