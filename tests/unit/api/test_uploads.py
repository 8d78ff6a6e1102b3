"""Uploads in parts through the API: what is taken, what is refused, and how they end."""

from __future__ import annotations

import hashlib
import shutil
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from werkzeug.test import TestResponse

from api.uploads.sizes import part_size
from lungline.domain import DEFAULT_TENANT
from lungline.errors import DatabaseUnavailable, StoreUnavailable
from lungline.settings import Settings
from storage.objects import Part
from tests.factories import archives, films
from tests.factories.services import Service, service, settings
from tests.factories.uploads import (
    PART,
    an_archive,
    begin,
    complete,
    content_md5,
    link,
    piece,
    send,
)

DATA = an_archive()
NOBODY = "0" * 32


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Service]:
    with service(tmp_path, upload_part_bytes=PART) as it:
        yield it


def refused(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["code"]


def object_of(api: Service, upload: dict[str, Any]) -> bytes:
    return api.parts.store.get(f"{DEFAULT_TENANT}/uploads/{upload['id']}")


def left_in_store(api: Service) -> list[str]:
    """Files of the store that belong to uploads: objects, and parts."""
    objects = list(api.parts.store.keys(f"{DEFAULT_TENANT}/uploads/"))
    folder = api.parts.settings.objects_dir / ".parts"
    return objects + ([path.name for path in folder.iterdir()] if folder.exists() else [])


def sweep(api: Service) -> None:
    """What the sweep does about uploads."""
    api.parts.repository.uploads.expire(100)
    api.parts.repository.uploads.remove(api.parts.store)


def test_from_parts_in_any_order_to_an_object(api: Service) -> None:
    upload = begin(api.client, DATA, sha256=hashlib.sha256(DATA).hexdigest())
    assert (upload["part_size"], upload["part_count"], upload["status"]) == (PART, 3, "open")
    assert [one["size"] for one in upload["part_links"]["items"]] == [PART, PART, len(DATA) % PART]

    send(api.client, upload, DATA, 3, 1)

    seen = api.client.get(upload["links"]["self"]).get_json()
    assert [(part["number"], part["size"]) for part in seen["parts"]] == [
        (1, PART),
        (3, len(DATA) % PART),
    ]
    assert refused(api.client.post(upload["links"]["complete"])) == (409, "upload_incomplete")
    send(api.client, upload, DATA, 2)
    for _ in range(2):
        answer = api.client.post(upload["links"]["complete"])
        assert (answer.status_code, answer.get_json()["status"]) == (200, "complete")
    assert object_of(api, upload) == DATA
    assert len(left_in_store(api)) == 1


def test_a_job_of_an_upload(api: Service) -> None:
    upload = complete(api.client, DATA)
    wanted = {
        "upload": upload["id"],
        "name": "night",
        "metadata": {"b": 1, "a": "두"},
        "priority": "bulk",
        "expires_in": 60,
    }
    headers = {"Idempotency-Key": "k1"}

    answer = api.client.post("/v1/jobs", json=wanted, headers=headers)

    job = answer.get_json()
    assert (answer.status_code, job["status"], job["source"]) == (202, "expanding", "archive")
    assert (job["name"], job["metadata"], job["priority"]) == ("night", wanted["metadata"], "bulk")
    assert job["expires_at"]
    again = api.client.post("/v1/jobs", json=wanted, headers=headers)
    assert (again.get_json()["id"], again.headers["Idempotency-Replayed"]) == (job["id"], "true")
    other = api.client.post("/v1/jobs", json=wanted | {"name": "day"}, headers=headers)
    assert refused(other) == (409, "idempotency_conflict")
    # The archive is the job's now
    assert refused(api.client.post("/v1/jobs", json=wanted)) == (409, "upload_used")
    assert refused(api.client.delete(upload["links"]["self"])) == (409, "upload_used")
    used = api.client.get(upload["links"]["self"]).get_json()
    assert (used["status"], used["job_id"]) == ("used", job["id"])
    stored = api.parts.repository.jobs.get(DEFAULT_TENANT, job["id"])
    assert stored.archive_size == len(DATA)
    assert api.parts.store.get(str(stored.archive_key)) == DATA
    # And stays when the upload is forgotten
    api.parts.database.clock_offset = api.parts.settings.upload_seconds + 1.0
    sweep(api)
    assert refused(api.client.get(upload["links"]["self"])) == (404, "upload_not_found")
    assert api.parts.store.exists(str(stored.archive_key))
    late = api.client.post("/v1/jobs", json=wanted, headers=headers)
    assert (late.get_json()["id"], late.headers["Idempotency-Replayed"]) == (job["id"], "true")


def test_raced_requests_make_one_job_of_an_upload(api: Service) -> None:
    upload = complete(api.client, an_archive(1))

    def submit(_: int) -> int:
        with api.app.test_client() as client:
            return client.post("/v1/jobs", json={"upload": upload["id"]}).status_code

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(submit, range(4))) == [202, 409, 409, 409]


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"upload": None}, 422, "invalid_parameter"),
        ({"upload": NOBODY}, 404, "upload_not_found"),
        ({"upload": "../x"}, 404, "upload_not_found"),
        ({"priority": "interactive"}, 422, "invalid_parameter"),
        ({"expires_in": -1}, 422, "invalid_parameter"),
        ({"expires_in": True}, 422, "invalid_parameter"),
        ({"metadata": [1]}, 422, "invalid_parameter"),
        ({"metadata": {"a": "x" * 40_000}}, 422, "invalid_parameter"),
        ({"metadata": {"a": "x" * 2_000_000}}, 413, "too_large"),
        ({"name": 5}, 422, "invalid_parameter"),
        ({"odd": "x"}, 422, "invalid_parameter"),
        ({"bundle": "none"}, 422, "bundle_not_found"),
    ],
)
def test_a_job_that_is_refused_leaves_the_upload(
    changes: dict[str, Any], status: int, code: str, api: Service
) -> None:
    upload = complete(api.client, an_archive(1))
    answer = api.client.post("/v1/jobs", json={"upload": upload["id"]} | changes)
    assert refused(answer) == (status, code)
    assert api.client.post("/v1/jobs", json={"upload": upload["id"]}).status_code == 202


def test_no_job_of_what_is_not_complete_or_no_archive(api: Service) -> None:
    upload = begin(api.client, DATA)
    answer = api.client.post("/v1/jobs", json={"upload": upload["id"]})
    assert refused(answer) == (409, "upload_incomplete")
    film = complete(api.client, films.jpeg(1))
    answer = api.client.post("/v1/jobs", json={"upload": film["id"]})
    assert refused(answer) == (422, "archive_unreadable")


def test_a_body_of_json_that_is_none(api: Service) -> None:
    answer = api.client.post("/v1/jobs", data=b"{", content_type="application/json")
    assert refused(answer) == (400, "malformed_body")


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"size": 0}, 422, "invalid_parameter"),
        ({"size": "12"}, 422, "invalid_parameter"),
        ({"size": None}, 422, "invalid_parameter"),
        ({"size": 256 * 2**30 + 1}, 413, "too_large"),
        ({"sha256": "xyz"}, 422, "invalid_parameter"),
        ({"filename": "x" * 1001}, 422, "invalid_parameter"),
        ({"odd": 1}, 422, "invalid_parameter"),
    ],
)
def test_an_announcement_that_is_refused(
    fields: dict[str, Any], status: int, code: str, api: Service
) -> None:
    answer = api.client.post("/v1/uploads", json={"filename": "a.zip", "size": 1} | fields)
    assert refused(answer) == (status, code)
    assert left_in_store(api) == []


def test_parts_of_the_wrong_size(api: Service) -> None:
    upload = begin(api.client, DATA)
    large = api.client.put(link(upload, 1), data=bytes(PART + 1))
    assert refused(large) == (413, "too_large")
    small = api.client.put(link(upload, 1), data=bytes(PART - 1))
    assert refused(small) == (422, "wrong_size")
    assert api.client.get(upload["links"]["self"]).get_json()["parts"] == []


def test_a_part_that_changed_on_its_way(api: Service) -> None:
    upload = begin(api.client, DATA)
    headers = {"Content-MD5": content_md5(b"other")}
    answer = api.client.put(link(upload, 1), data=piece(upload, DATA, 1), headers=headers)
    assert refused(answer) == (422, "checksum_mismatch")
    answer = api.client.put(link(upload, 1), data=b"", headers={"Content-MD5": "none"})
    assert refused(answer) == (422, "invalid_parameter")
    assert api.client.get(upload["links"]["self"]).get_json()["parts"] == []


def test_a_wrong_sha256_drops_the_upload(api: Service) -> None:
    upload = begin(api.client, DATA, sha256="0" * 64)
    send(api.client, upload, DATA)
    assert refused(api.client.post(upload["links"]["complete"])) == (422, "checksum_mismatch")
    assert refused(api.client.post(upload["links"]["complete"])) == (404, "upload_not_found")
    sweep(api)
    assert left_in_store(api) == []


def test_links_that_were_changed(api: Service) -> None:
    first, other = begin(api.client, DATA), begin(api.client, DATA)
    good = link(first, 1)
    part = piece(first, DATA, 1)
    expires = good.partition("expires=")[2].partition("&")[0]
    for bad in (
        good.replace("parts/1", "parts/2"),
        good.replace(first["id"], other["id"]),
        good.replace(f"expires={expires}", f"expires={int(expires) + 1}"),
        good.replace(f"expires={expires}", "expires=soon"),
        good[:-1] + ("0" if good[-1] != "0" else "1"),
        good.partition("?")[0],
        good.partition("signature")[0] + "signature=é",
    ):
        assert refused(api.client.put(bad, data=part)) == (403, "link_invalid"), bad
    assert api.client.put(good, data=part).status_code == 204


def test_a_link_that_has_expired(api: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = begin(api.client, DATA)
    path = f"/v1/uploads/{upload['id']}/parts/1"
    old = api.parts.links.make(path, -1)
    assert refused(api.client.put(old, data=piece(upload, DATA, 1))) == (403, "link_expired")


def test_links_come_by_pages(api: Service) -> None:
    upload = begin(api.client, DATA)
    page = api.client.get(f"{upload['links']['part_links']}?first=2&limit=1").get_json()
    assert ([one["number"] for one in page["items"]], page["next"]) == ([2], 3)
    page = api.client.get(f"{upload['links']['part_links']}?first=3").get_json()
    assert ([one["number"] for one in page["items"]], page["next"]) == ([3], None)
    part = piece(upload, DATA, 3)
    assert api.client.put(page["items"][0]["url"], data=part).status_code == 204


def test_links_are_signed_by_a_key_that_stays(api: Service, tmp_path: Path) -> None:
    upload = begin(api.client, DATA)
    key = api.parts.settings.data_dir / "link.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    with service(tmp_path, upload_part_bytes=PART) as again:
        send(again.client, upload, DATA, 1)
    with service(tmp_path, upload_part_bytes=PART, link_key="of another service") as other:
        answer = other.client.put(link(upload, 1), data=piece(upload, DATA, 1))
        assert refused(answer) == (403, "link_invalid")


def test_whose_upload_it_is(api: Service) -> None:
    theirs = api.parts.repository.uploads.create(
        "others", filename="", size=1, sha256=None, part_size=PART, seconds=60, most_held=1
    )
    token = api.parts.store.parts.begin(theirs.object_key)
    api.parts.repository.uploads.ready(theirs.id, token)
    for upload_id in (theirs.id, NOBODY, "%00", "x" * 32):
        path = f"/v1/uploads/{upload_id}"
        for answer in (
            api.client.get(path),
            api.client.delete(path),
            api.client.get(f"{path}/links"),
            api.client.post(f"{path}/complete"),
            api.client.put(f"{path}/content", data=b"x"),
            api.client.post("/v1/jobs", json={"upload": upload_id}),
        ):
            assert refused(answer) == (404, "upload_not_found")
    assert api.client.get("/v1/uploads").get_json()["items"] == []


def test_a_deleted_upload_is_gone_with_its_parts(api: Service) -> None:
    upload = begin(api.client, DATA)
    send(api.client, upload, DATA, 1)
    assert api.client.delete(upload["links"]["self"]).status_code == 204
    for answer in (
        api.client.get(upload["links"]["self"]),
        api.client.delete(upload["links"]["self"]),
        api.client.post(upload["links"]["complete"]),
        api.client.put(link(upload, 2), data=piece(upload, DATA, 2)),
    ):
        assert refused(answer) == (404, "upload_not_found")
    sweep(api)
    assert left_in_store(api) == []


def test_complete_uploads_take_no_parts_and_can_be_deleted(api: Service) -> None:
    data = an_archive(1)
    upload = begin(api.client, data)
    send(api.client, upload, data)
    api.client.post(upload["links"]["complete"])
    assert refused(api.client.put(link(upload, 1), data=data)) == (409, "upload_closed")
    assert refused(api.client.get(upload["links"]["part_links"])) == (409, "upload_closed")
    assert api.client.delete(upload["links"]["self"]).status_code == 204
    sweep(api)
    assert left_in_store(api) == []


@pytest.mark.parametrize("finished", [False, True])
def test_an_upload_expires(finished: bool, api: Service) -> None:
    data = an_archive(1)
    upload = complete(api.client, data) if finished else begin(api.client, data)
    api.parts.database.clock_offset = api.parts.settings.upload_seconds + 1.0
    assert refused(api.client.get(upload["links"]["self"])) == (404, "upload_not_found")
    assert refused(api.client.post(upload["links"]["complete"])) == (404, "upload_not_found")
    sweep(api)
    assert left_in_store(api) == []
    assert begin(api.client, data)["status"] == "open"


def test_an_upload_that_was_never_ready_goes(api: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when the process died between the row and the store's token."""
    monkeypatch.setattr(api.parts.repository.uploads, "ready", _die)
    monkeypatch.setattr(api.parts.repository.uploads, "delete", lambda *_: None)
    answer = api.client.post("/v1/uploads", json={"filename": "a", "size": 1})
    assert answer.status_code == 503
    assert len(left_in_store(api)) == 1
    monkeypatch.undo()
    sweep(api)
    assert len(left_in_store(api)) == 1  # it might be in the making
    api.parts.database.clock_offset = 3601.0
    sweep(api)
    assert left_in_store(api) == []


def _die(*_: object) -> None:
    raise DatabaseUnavailable("The process died.")


def test_too_many_open_uploads(tmp_path: Path) -> None:
    with service(tmp_path, upload_part_bytes=PART, max_open_uploads=2) as api:
        kept, given_up = begin(api.client, DATA), begin(api.client, DATA)
        answer = api.client.post("/v1/uploads", json={"filename": "a", "size": 1})
        assert refused(answer) == (429, "too_many_uploads")
        assert int(answer.headers["Retry-After"]) > 0
        assert api.client.get("/v1/limits").get_json()["quotas"]["open_uploads"] == {
            "limit": 2,
            "used": 2,
            "left": 0,
        }
        api.client.delete(given_up["links"]["self"])
        third = complete(api.client, an_archive(1))
        api.client.post("/v1/jobs", json={"upload": third["id"]})
        assert begin(api.client, DATA)["id"]
        listed = [one["id"] for one in api.client.get("/v1/uploads").get_json()["items"]]
        assert {kept["id"], third["id"]} <= set(listed)
        assert given_up["id"] not in listed


def test_raced_announcements_keep_to_the_limit(tmp_path: Path) -> None:
    with service(tmp_path, max_open_uploads=2) as api:

        def announce(_: int) -> int:
            with api.app.test_client() as client:
                return client.post("/v1/uploads", json={"size": 1}).status_code

        with ThreadPoolExecutor(6) as pool:
            assert sorted(pool.map(announce, range(6))) == [201, 201, 429, 429, 429, 429]


def test_the_whole_archive_as_one_body(api: Service) -> None:
    upload = begin(api.client, DATA, sha256=hashlib.sha256(DATA).hexdigest())
    answer = api.client.put(upload["links"]["content"], data=DATA)
    assert (answer.status_code, answer.get_json()["status"]) == (200, "complete")
    assert object_of(api, upload) == DATA
    again = api.client.put(upload["links"]["content"], data=DATA)
    assert refused(again) == (409, "upload_closed")


def test_a_whole_body_of_the_wrong_size(api: Service) -> None:
    upload = begin(api.client, DATA)
    large = api.client.put(upload["links"]["content"], data=DATA + b"x")
    assert refused(large) == (413, "too_large")
    small = api.client.put(upload["links"]["content"], data=DATA[:-1])
    assert refused(small) == (422, "wrong_size")
    assert api.client.get(upload["links"]["self"]).get_json()["status"] == "open"


@pytest.mark.parametrize("died", ["before", "after"])
def test_completing_goes_on_after_a_death(
    died: str, api: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process dies before the parts become an object, or before the row says so."""
    upload = begin(api.client, DATA)
    send(api.client, upload, DATA)
    uploads, store = api.parts.repository.uploads, api.parts.store
    row = uploads.get(DEFAULT_TENANT, upload["id"])
    assert uploads.begin_completing(DEFAULT_TENANT, row.id, 60.0)
    if died == "after":
        store.parts.complete(row.whole, store.parts.arrived(row.whole))
    # While its lease holds, nobody else may, and then anybody
    assert refused(api.client.post(upload["links"]["complete"])) == (409, "upload_busy")
    assert refused(api.client.delete(upload["links"]["self"])) == (409, "upload_busy")
    assert refused(api.client.put(link(upload, 1), data=DATA[:PART])) == (409, "upload_closed")
    api.parts.database.clock_offset = 61.0
    answer = api.client.post(upload["links"]["complete"])
    assert (answer.status_code, answer.get_json()["status"]) == (200, "complete")
    assert object_of(api, upload) == DATA


def test_an_answer_of_the_store_that_was_lost(
    api: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = begin(api.client, DATA)
    send(api.client, upload, DATA)
    store_parts = api.parts.store.parts
    really = store_parts.complete

    def lose(whole: Any, parts: list[Part]) -> None:
        really(whole, parts)
        raise StoreUnavailable("The answer was lost.")

    monkeypatch.setattr(store_parts, "complete", lose)
    assert refused(api.client.post(upload["links"]["complete"])) == (503, "store_unavailable")
    seen = api.client.get(upload["links"]["self"]).get_json()
    assert (seen["status"], len(seen["parts"])) == ("open", 3)  # nothing need be sent again
    assert api.client.post(upload["links"]["complete"]).get_json()["status"] == "complete"


def test_parts_that_the_store_lost(api: Service) -> None:
    upload = begin(api.client, DATA)
    api.parts.store.parts.abort(f"{DEFAULT_TENANT}/uploads/{upload['id']}")
    assert api.client.get(upload["links"]["self"]).get_json()["parts"] == []
    assert refused(api.client.post(upload["links"]["complete"])) == (409, "upload_busy")
    # It goes by its time, or when its tenant says so
    assert api.client.delete(upload["links"]["self"]).status_code == 204


def test_a_store_that_still_puts_the_object_together_is_waited_for(
    api: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As S3 may, for longer than its client waits: the parts have gone, the whole is to come."""
    upload = begin(api.client, DATA)
    send(api.client, upload, DATA)
    store = api.parts.store

    def unanswered(whole: Any, parts: list[Part]) -> None:
        store.parts.abort(whole.key)
        raise StoreUnavailable("The object store does not answer.")

    with monkeypatch.context() as patch:
        patch.setattr(store.parts, "complete", unanswered)
        assert refused(api.client.post(upload["links"]["complete"])) == (503, "store_unavailable")
    assert refused(api.client.post(upload["links"]["complete"])) == (409, "upload_busy")
    sweep(api)
    store.put(f"{DEFAULT_TENANT}/uploads/{upload['id']}", DATA)

    assert api.client.post(upload["links"]["complete"]).get_json()["status"] == "complete"
    assert object_of(api, upload) == DATA


def test_who_died_while_he_tidied_parts_up_has_completed_the_upload(
    api: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = begin(api.client, DATA)
    send(api.client, upload, DATA)

    def die(folder: Path) -> None:
        (folder / "00002").unlink()
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", die)
        with pytest.raises(SystemExit):
            api.client.post(upload["links"]["complete"])

    assert len(api.client.get(upload["links"]["self"]).get_json()["parts"]) == 3
    assert api.client.post(upload["links"]["complete"]).get_json()["status"] == "complete"
    assert object_of(api, upload) == DATA


def test_limits_are_those_of_the_settings(api: Service) -> None:
    answer = api.client.get("/v1/limits").get_json()
    assert answer["upload"] == {
        "bytes": 256 * 2**30,
        "part_bytes": PART,
        "parts": 10_000,
        "seconds": 604_800,
    }
    assert answer["film"]["bytes"] == 2_000_000
    assert answer["archive"]["entries"] == 1_000_000
    assert answer["quotas"]["open_uploads"] == {"limit": 32, "used": 0, "left": 32}


def test_parts_grow_with_the_archive(tmp_path: Path) -> None:
    made: Settings = settings(tmp_path)
    assert part_size(1, made) == 16 * 2**20
    for size in (160 * 10**9, 200 * 10**9, made.max_upload_bytes):
        assert -(-size // part_size(size, made)) <= 10_000
        assert part_size(size, made) <= 27 * 2**20


def test_answers_have_the_documented_shape(api: Service) -> None:
    spec = api.client.get("/openapi.json").get_json()
    registry = Registry().with_resource("urn:spec", Resource.opaque(spec))

    def conforms(name: str, value: dict[str, Any]) -> None:
        schema = {"$ref": f"urn:spec#/components/schemas/{name}"}
        Draft202012Validator(schema, registry=registry).validate(value)
        assert value.keys() == spec["components"]["schemas"][name]["properties"].keys()

    upload = begin(api.client, DATA)
    conforms("CreatedUpload", upload)
    send(api.client, upload, DATA)
    conforms("Upload", api.client.get(upload["links"]["self"]).get_json())
    conforms("PartLinks", api.client.get(upload["links"]["part_links"]).get_json())
    conforms("Upload", api.client.post(upload["links"]["complete"]).get_json())
    conforms("UploadPage", api.client.get("/v1/uploads").get_json())
    conforms("Limits", api.client.get("/v1/limits").get_json())


def test_names_are_for_display_only(api: Service, capsys: pytest.CaptureFixture[str]) -> None:
    data = archives.zip_of_films(1)
    upload = begin(api.client, data, filename="Hong\x01secret.zip")
    assert upload["filename"] == "Hong\ufffdsecret.zip"
    send(api.client, upload, data)
    api.client.post(upload["links"]["complete"])
    assert "secret" not in capsys.readouterr().out
    assert not [name for name in left_in_store(api) if "secret" in name]
