"""What is refused because there is no room for it: with a reason, and before it is sent."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from pydicom import uid

from lungline.domain import DEFAULT_TENANT
from lungline.settings import Settings
from storage.intake import FilmIntake, PreparedFilm
from storage.quotas import Quotas
from tests.factories import archives, films
from tests.factories.services import form, service

FILM = films.jpeg(1)
MORE_THAN_ANY_DISK = 1 << 60


@pytest.mark.parametrize(
    ("limit", "code"),
    [
        ({"quota_open_jobs": 1}, "too_many_open_jobs"),
        ({"quota_queued_films": 1}, "too_many_queued_films"),
        ({"quota_stored_bytes": len(FILM) + 10}, "storage_quota_reached"),
    ],
)
def test_above_a_quota(tmp_path: Path, limit: dict[str, int], code: str) -> None:
    with service(tmp_path, **limit) as api:
        query = "/v1/jobs?name=a"
        key = {"Idempotency-Key": "k", "Content-Type": "image/jpeg"}
        first = api.client.post(query, data=FILM, headers=key)
        assert first.status_code == 202
        again = api.client.post(query, data=FILM, headers=key)

        answer = api.submit(("b.jpg", films.jpeg(2)))

        assert again.get_json()["id"] == first.get_json()["id"]
        assert (answer.status_code, answer.get_json()["code"]) == (429, code)
        assert int(answer.headers["Retry-After"]) > 0
        assert answer.content_type == "application/problem+json"
        assert len(api.client.get("/v1/jobs").get_json()["items"]) == 1
        name, most = next(iter(limit.items()))
        told = api.client.get("/v1/limits").get_json()["quotas"][name.removeprefix("quota_")]
        assert told["limit"] == most == told["used"] + told["left"]


def test_every_quota_is_told(tmp_path: Path) -> None:
    with service(tmp_path) as api:
        told = api.client.get("/v1/limits").get_json()["quotas"]

    named = [name for name in Settings.model_fields if name.startswith("quota_")]
    assert set(told) == {"open_uploads", *(name.removeprefix("quota_") for name in named)}
    assert all(quota["left"] == quota["limit"] for quota in told.values())


def test_the_days_of_the_tenant_are_told(tmp_path: Path) -> None:
    with service(tmp_path, retain_days=30, retain_films_days_of={DEFAULT_TENANT: 7}) as api:
        told = api.client.get("/v1/limits").get_json()["retention"]

    assert told == {"results": 30.0, "films": 7.0, "uploads": None}


def test_an_archive_above_the_bytes_leaves_nothing_behind(tmp_path: Path) -> None:
    with service(tmp_path, quota_stored_bytes=10) as api:
        answer = api.submit(("a.zip", archives.zip_of_films(2)))

        assert answer.get_json()["code"] == "storage_quota_reached"
        assert list(api.parts.store.keys("")) == []


SIDE = 512
STORED = SIDE * SIDE + 2_000


@cache
def big(seed: int) -> bytes:
    """A film that takes much less on its way than in the store."""
    pixels, syntax = bytes([seed]) * SIDE * SIDE, uid.DeflatedExplicitVRLittleEndian
    return films.dicom(seed, SIDE, SIDE, bits=8, syntax=syntax, PixelData=pixels)


TOO_MUCH = [
    ({"quota_queued_films": 5}, "too_many_queued_films"),
    ({"quota_stored_bytes": 5 * STORED}, "storage_quota_reached"),
    ({"max_store_bytes": 5 * STORED}, "storage_full"),
]


@pytest.mark.parametrize(("limit", "code"), TOO_MUCH)
def test_what_is_refused_is_not_stored_beyond_the_limit(
    tmp_path: Path, limit: dict[str, int], code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored, store_all = list[int](), FilmIntake.store_all

    def counting(intake: FilmIntake, prepared: list[PreparedFilm]) -> None:
        stored.append(len(prepared))
        store_all(intake, prepared)

    monkeypatch.setattr(FilmIntake, "store_all", counting)
    monkeypatch.setattr("api.intake.batches.MOST_FILMS", 2)
    with service(tmp_path, **limit) as api:
        api.job(("0.dcm", big(0)))
        before = list(api.parts.store.keys(""))
        sent = [(f"{seed}.dcm", big(seed)) for seed in range(12)]
        assert sum(len(data) for _, data in sent) < STORED

        answer = api.submit(*sent)

        assert answer.get_json()["code"] == code
        assert sum(stored) <= 5
        assert list(api.parts.store.keys("")) == before
        assert len(api.client.get("/v1/jobs").get_json()["items"]) == 1


@pytest.mark.parametrize(("limit", "code"), TOO_MUCH[:2])
@pytest.mark.parametrize("raw", [False, True])
def test_what_the_last_check_refuses_is_removed_again(
    tmp_path: Path, limit: dict[str, int], code: str, raw: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when many submissions come at once, none of which is too much alone."""
    monkeypatch.setattr(Quotas, "check", lambda *_: None)
    with service(tmp_path, **limit) as api:
        first = [(f"{seed}.dcm", big(seed)) for seed in range(4 + raw)]
        api.job(*first)
        before = list(api.parts.store.keys(""))

        if raw:
            header = {"Content-Type": "application/dicom"}
            answer = api.client.post("/v1/jobs", data=big(9), headers=header)
        else:
            answer = api.submit(*first, ("8.dcm", big(8)), ("9.dcm", big(9)))

        assert answer.get_json()["code"] == code
        assert list(api.parts.store.keys("")) == before
        api.read_all()
        assert api.parts.repository.quotas.allowance(DEFAULT_TENANT).used.queued_films == 0


def test_films_that_were_read_before_do_not_wait_again(tmp_path: Path) -> None:
    with service(tmp_path, quota_queued_films=1, quota_stored_bytes=4 * len(FILM)) as api:
        api.job(("a.jpg", FILM))
        api.read_all()

        job = api.job(("a.jpg", FILM), ("b.jpg", FILM))

        assert (job["counts"]["reused"], job["status"]) == (2, "succeeded")


def test_another_request_under_the_same_key_stores_nothing(tmp_path: Path) -> None:
    with service(tmp_path) as api:
        key = {"Idempotency-Key": "k"}
        first = api.client.post("/v1/jobs", **form(("a.jpg", FILM)), headers=key)
        before = list(api.parts.store.keys(""))

        other = api.client.post("/v1/jobs", **form(("b.jpg", films.jpeg(2))), headers=key)
        again = api.client.post("/v1/jobs", **form(("a.jpg", FILM)), headers=key)

        assert other.get_json()["code"] == "idempotency_conflict"
        assert again.get_json()["id"] == first.get_json()["id"]
        assert list(api.parts.store.keys("")) == before


@pytest.mark.parametrize(
    ("bound", "what"),
    [("max_store_bytes", "object store"), ("max_database_bytes", "database")],
)
def test_what_is_allotted_is_used_up(tmp_path: Path, bound: str, what: str) -> None:
    with service(tmp_path, **{bound: len(FILM) + 500}) as api:
        answer = api.submit(("a.jpg", FILM), ("b.jpg", films.jpeg(2)))

        assert (answer.status_code, answer.get_json()["code"]) == (503, "storage_full")
        assert what in answer.get_json()["detail"]
        assert bound.upper() in answer.get_json()["detail"]
        assert int(answer.headers["Retry-After"]) > 0
        assert api.client.get("/v1/jobs").get_json()["items"] == []


def test_a_disk_that_is_nearly_full_takes_nothing_more(tmp_path: Path) -> None:
    with service(tmp_path, min_free_bytes=MORE_THAN_ANY_DISK) as api:
        answer = api.submit(("a.jpg", FILM))

        assert (answer.status_code, answer.get_json()["code"]) == (503, "storage_full")
        assert "object store" in answer.get_json()["detail"]
        assert int(answer.headers["Retry-After"]) > 0
        ready = api.client.get("/readyz")
        assert (ready.status_code, ready.get_json()["parts"]["space"]) == (503, "down")
        assert api.client.get("/v1/jobs").status_code == 200
