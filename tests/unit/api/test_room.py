"""What is refused because there is no room for it: with a reason, and before it is sent."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydicom import uid

from lungline.domain import DEFAULT_TENANT
from lungline.settings import Settings
from storage import space
from storage.intake import FilmIntake, PreparedFilm
from storage.quotas import Quotas
from tests.factories import archives, films
from tests.factories.services import BOUNDARY, Service, form, multipart, service
from tests.factories.uploads import begin

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


MIB = 1024 * 1024
LEAST, ROOM, SENT = 10 * MIB, 3 * MIB, 9 * MIB
ARCHIVE = b"PK\x03\x04" + bytes(SENT - 4)


class Disk:
    """A disk that has `ROOM` beyond what must stay free, as far as the service can see."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.most = folder / "data" / "objects", 0
        self.spool, self.spool_free = folder, 1 << 50
        self.beside = 0  # bytes of others
        monkeypatch.setattr(shutil, "disk_usage", self.usage)
        monkeypatch.setattr(space, "LOOK_BYTES", MIB)

    def usage(self, path: Path) -> SimpleNamespace:
        if path == self.spool:
            return SimpleNamespace(total=1 << 50, free=self.spool_free)
        self.most = max(self.most, self.used())
        return SimpleNamespace(total=1 << 50, free=LEAST + ROOM - self.used() - self.beside)

    def used(self) -> int:
        """Bytes on the disk, of files that are not written yet too."""
        return sum(path.stat().st_blocks * 512 for path in self.folder.rglob("*"))


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(tmp_path, monkeypatch)


def chunked(data: bytes, content_type: str, **headers: str) -> dict[str, Any]:
    """A request whose body has no length, as gunicorn hands it on."""
    environ = {
        "wsgi.input": io.BytesIO(data),
        "wsgi.input_terminated": True,
        "HTTP_TRANSFER_ENCODING": "chunked",
        "CONTENT_TYPE": content_type,
    }
    return {"environ_overrides": environ, "headers": headers}


def send_archive(api: Service, **headers: str) -> Any:
    return api.client.post("/v1/jobs", **chunked(ARCHIVE, "application/zip", **headers))


def send_form(api: Service) -> Any:
    body = multipart(("films", "a.zip", ARCHIVE))
    return api.client.post("/v1/jobs", **chunked(body, f"multipart/form-data; boundary={BOUNDARY}"))


def send_manifest(api: Service) -> Any:
    manifest = b'{"name": "a.jpg", "external_id": "1"}\n' * (SENT // 37)
    body = multipart(
        ("manifest", "m.ndjson", manifest), ("films", "a.zip", archives.zip_of_films(1))
    )
    return api.client.post("/v1/jobs", **chunked(body, f"multipart/form-data; boundary={BOUNDARY}"))


@pytest.mark.parametrize("send", [send_archive, send_form, send_manifest])
def test_a_body_of_unknown_length_ends_before_the_disk_is_full(
    tmp_path: Path, disk: Disk, send: Callable[[Service], Any]
) -> None:
    with service(tmp_path, min_free_bytes=LEAST) as api:
        answer = send(api)

        assert (answer.status_code, answer.get_json()["code"]) == (503, "storage_full")
        assert disk.most <= ROOM + 2 * MIB
        assert list(api.parts.store.keys("")) == []
        assert disk.used() < MIB
        assert api.client.get("/v1/jobs").get_json()["items"] == []


def test_a_repetition_is_not_written_beyond_the_room(tmp_path: Path, disk: Disk) -> None:
    with service(tmp_path, min_free_bytes=LEAST) as api:
        key = {"Idempotency-Key": "k"}
        data, kind = archives.zip_of_films(1), "application/zip"
        first = api.client.post("/v1/jobs", data=data, content_type=kind, headers=key)
        assert first.status_code == 202
        before = list(api.parts.store.keys(""))

        answer = send_archive(api, **key)

        assert answer.get_json()["code"] == "storage_full"
        assert disk.most <= ROOM + 2 * MIB
        assert list(api.parts.store.keys("")) == before


class Meanwhile(io.RawIOBase):
    """A body during whose coming something happens."""

    def __init__(self, data: bytes, happens: Callable[[], None]) -> None:
        self._data, self._happens = io.BytesIO(data), happens

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        self._happens()
        return self._data.readinto(buffer)


@pytest.mark.parametrize("place", ["content", "part"])
def test_an_upload_ends_where_others_took_the_room(tmp_path: Path, disk: Disk, place: str) -> None:
    data = ARCHIVE[: 2 * MIB]
    with service(tmp_path, min_free_bytes=LEAST, upload_part_bytes=5 * MIB) as api:
        disk.spool_free = 0  # which it does not need
        upload = begin(api.client, data)
        content = f"{upload['links']['self']}/content"
        where = {"part": upload["part_links"]["items"][0]["url"], "content": content}
        body = Meanwhile(data, lambda: setattr(disk, "beside", ROOM))
        sent = {"wsgi.input": body, "CONTENT_LENGTH": str(len(data))}

        answer = api.client.put(where[place], environ_overrides=sent)

        assert (answer.status_code, answer.get_json()["code"]) == (503, "storage_full")
        assert api.client.get(upload["links"]["self"]).get_json()["parts"] == []
        disk.beside = 0
        assert api.client.put(content, data=data).get_json()["status"] == "complete"


def test_a_large_form_needs_room_in_the_spool(tmp_path: Path, disk: Disk) -> None:
    def fill() -> None:
        disk.spool_free = 0

    body, kind = multipart(("films", "a.jpg", FILM)), f"multipart/form-data; boundary={BOUNDARY}"
    large = multipart(*[("films", "a.jpg", FILM + bytes(MIB)) for _ in range(9)])
    with service(tmp_path, min_free_bytes=LEAST) as api:
        sent = chunked(large, kind)
        sent["environ_overrides"]["wsgi.input"] = Meanwhile(large, fill)
        answer = api.client.post("/v1/jobs", **sent)

        assert (answer.status_code, answer.get_json()["code"]) == (503, "storage_full")
        assert "spool" in answer.get_json()["detail"]
        # What is announced is refused at once; what fits into memory is taken, and what is no form.
        announced = io.BytesIO(large)
        sent = {"wsgi.input": announced, "CONTENT_LENGTH": str(len(large)), "CONTENT_TYPE": kind}
        answer = api.client.post("/v1/jobs", environ_overrides=sent)
        assert answer.get_json()["code"] == "storage_full"
        small = api.client.post("/v1/jobs", data=body, content_type=kind)
        raw = api.client.post("/v1/jobs", data=FILM, content_type="image/jpeg")
        assert (small.status_code, raw.status_code) == (202, 202)
        assert len(api.client.get("/v1/jobs").get_json()["items"]) == 2


def test_a_bundle_needs_room_in_the_spool(tmp_path: Path, disk: Disk) -> None:
    with service(tmp_path, min_free_bytes=LEAST) as api:
        disk.spool_free = 0
        answer = api.client.post("/v1/models", **chunked(ARCHIVE, "application/zip"))

    assert answer.get_json()["code"] == "storage_full"
