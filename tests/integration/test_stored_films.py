"""A film for which alone S3 fails, told from a bucket that fails for all."""

from __future__ import annotations

import hashlib

import pytest

from lungline.errors import StoreUnavailable
from lungline.settings import Settings
from storage.claims import ClaimedItem
from storage.films import FilmRef
from storage.objects import ObjectStore, open_store
from tests.factories.s3_answers import FLIPPED, S3Answer, answer_with, refused
from workers import stored_films
from workers.stored_films import FilmUnreadable, fetch_film

pytestmark = pytest.mark.integration

FILMS = [b"film %d" % number for number in range(4)]


def key_of(film: bytes) -> str:
    return f"t1/films/{hashlib.sha256(film).hexdigest()}"


@pytest.fixture
def store(s3_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    monkeypatch.setattr(stored_films, "WAITS", (0.0, 0.0))
    store = open_store(s3_settings)
    store.put_many({key_of(film): film for film in FILMS})
    return store


def fetch(store: ObjectStore, film: bytes) -> bytes:
    digest = hashlib.sha256(film).hexdigest()
    ref = FilmRef("f", key_of(film), digest, "png", 1, 1, len(film))
    item = ClaimedItem("i", "j", 0, 0, True, ref, "t1")
    others = [key_of(other) for other in FILMS if other != film]
    return fetch_film(store, lambda tenant, sha256: others, item)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (refused("InvalidObjectState", 403), "InvalidObjectState"),
        (refused("AccessDenied", 403), "AccessDenied"),
        (refused("InternalError", 500), "InternalError"),
        (FLIPPED, "FlexibleChecksumError"),
    ],
    ids=["archived", "denied", "broken", "flipped"],
)
def test_an_object_for_which_alone_the_store_fails_is_at_fault(
    store: ObjectStore, answer: S3Answer, told: str
) -> None:
    answer_with(store, answer, lambda path: path.endswith(key_of(FILMS[0])))

    with pytest.raises(FilmUnreadable, match=told):
        fetch(store, FILMS[0])
    assert fetch(store, FILMS[1]) == FILMS[1]


@pytest.mark.parametrize("where", ["/t1/films/", "/"])
def test_a_store_that_refuses_all_films_is_away(store: ObjectStore, where: str) -> None:
    answer_with(store, refused("AccessDenied", 403), lambda path: where in path)

    for film in FILMS:
        with pytest.raises(StoreUnavailable):
            fetch(store, film)
