"""Waiting: seldom looks, few seats, and an end when nobody waits any more."""

from __future__ import annotations

import socket

from api.waiting import Seats, client_gone, look_until


def test_it_looks_ever_less_often() -> None:
    looks = 0

    def look() -> int:
        nonlocal looks
        looks += 1
        return looks

    last = look_until(look, lambda seen: False, 0.5)
    assert last == looks
    assert 2 <= looks < 60


def test_it_ends_with_what_it_waits_for() -> None:
    states = iter("abcd")
    assert look_until(lambda: next(states), lambda seen: seen == "c", 60) == "c"


def test_it_ends_when_nobody_waits() -> None:
    assert look_until(lambda: 1, lambda seen: False, 60, lambda: True) == 1


def test_seats_are_few_and_come_back() -> None:
    seats = Seats(1)
    with seats.seat() as first, seats.seat() as second:
        assert (first, second) == (True, False)
    with seats.seat() as again:
        assert again


def test_a_client_that_has_gone_is_noticed() -> None:
    here, there = socket.socketpair()
    here.settimeout(60)
    wsgi = {"gunicorn.socket": here}
    with here:
        assert not client_gone(wsgi)
        there.sendall(b"x")
        assert not client_gone(wsgi)
        assert here.recv(1) == b"x"
        there.close()
        assert client_gone(wsgi)


def test_a_server_that_lends_no_socket() -> None:
    assert not client_gone({})
