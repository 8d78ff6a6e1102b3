"""A signed link opens the one thing that it was made for, for its time, and cannot be widened."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from api.session import Sessions
from api.uploads.links import Links
from lungline.errors import LinkExpired, LinkInvalid

PATH = "/v1/uploads/" + "0a" * 16 + "/parts/1"
LINKS = Links(b"k" * 32)


def query_of(link: str) -> dict[str, str]:
    return {name: value for name, (value,) in parse_qs(urlsplit(link).query).items()}


def test_a_link_opens_its_path() -> None:
    link = LINKS.make(PATH, 60)
    assert urlsplit(link).path == PATH
    LINKS.check(PATH, query_of(link))


@pytest.mark.parametrize(
    "path",
    [
        PATH.replace("/parts/1", "/parts/2"),
        PATH.replace("/parts/1", "/parts/11"),
        PATH.replace("0a", "0b"),
        PATH.replace("/parts/1", "/content"),
        PATH + "/",
        PATH.upper(),
        "",
    ],
)
def test_it_opens_no_other_path(path: str) -> None:
    with pytest.raises(LinkInvalid):
        LINKS.check(path, query_of(LINKS.make(PATH, 60)))


def test_it_cannot_be_prolonged_or_made_up() -> None:
    query = query_of(LINKS.make(PATH, 60))
    later = str(int(query["expires"]) + 1)
    for changed in (
        {"expires": later},
        {"expires": query["expires"] + "0"},
        {"expires": " " + query["expires"]},
        {"expires": "+" + query["expires"]},
        {"expires": ""},
        {"signature": ""},
        {"signature": query["signature"].upper()},
        {"signature": query["signature"][:-1]},
        {"signature": query["signature"] + "é"},
        query_of(Links(b"x" * 32).make(PATH, 60)),
    ):
        with pytest.raises(LinkInvalid):
            LINKS.check(PATH, query | changed)
    with pytest.raises(LinkInvalid):
        LINKS.check(PATH, {})
    # The path's end and the time's beginning cannot be moved.
    moved = f"{PATH}\n{query['expires'][:1]}"
    with pytest.raises(LinkInvalid):
        LINKS.check(moved, query | {"expires": query["expires"][1:]})


def test_signatures_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bytes] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append(other)
        return one == other

    monkeypatch.setattr("hmac.compare_digest", compare)
    query = query_of(LINKS.make(PATH, 60))
    LINKS.check(PATH, query)
    with pytest.raises(LinkInvalid):
        LINKS.check(PATH, query | {"signature": "beef"})
    sessions = Sessions(b"k" * 32)
    cookie = sessions.make("0a" * 16)
    assert sessions.key_id(cookie) == "0a" * 16
    assert sessions.key_id(cookie[:-1] + "x") is None
    ends = (query["signature"], "beef", cookie[-64:], cookie[-64:-1] + "x")
    assert compared == [end.encode() for end in ends]


def test_it_ends_with_its_time() -> None:
    over = LINKS.make(PATH, -1)
    with pytest.raises(LinkExpired):
        LINKS.check(PATH, query_of(over))
    assert urlencode(query_of(over)) in over
