"""A job of a folder outside the service: asked for, refused, told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.factories.services import BOUNDARY, Service, multipart, service


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Service]:
    with service(tmp_path / "data", sources=f"ward={tmp_path}/ward,other@b={tmp_path}/b") as it:
        yield it


def send(api: Service, *parts: tuple[str, str | None, bytes]) -> Any:
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    return api.client.post("/v1/jobs", data=multipart(*parts), content_type=kind)


def test_as_json_or_in_a_form(api: Service) -> None:
    manifest = b"name,external_id\na.jpg,A\n"
    answers = [
        api.client.post("/v1/jobs", json={"prefix": "ward/2024/", "name": "all"}),
        api.client.post("/v1/jobs", json={"prefix": "ward", "manifest": [{"name": "a.jpg"}]}),
        send(api, ("prefix", None, b"ward/"), ("manifest", "m.csv", manifest)),
    ]

    for answer in answers:
        assert answer.status_code == 202, answer.text
        job = answer.get_json()
        assert (job["status"], job["source"]) == ("expanding", "prefix")
        assert job["expansion"]["entries_total"] is None


def test_the_same_key_and_prefix_give_the_same_job(api: Service) -> None:
    def ask(prefix: str) -> int:
        headers = {"Idempotency-Key": "k"}
        return api.client.post("/v1/jobs", json={"prefix": prefix}, headers=headers).status_code

    assert [ask("ward/a/"), ask("ward/a/"), ask("ward/b/")] == [202, 202, 409]


def test_the_same_key_gives_the_same_job_when_the_folder_is_allowed_no_longer(
    tmp_path: Path,
) -> None:
    def ask(**settings: Any) -> Any:
        with service(tmp_path, **settings) as api:
            headers = {"Idempotency-Key": "k"}
            return api.client.post("/v1/jobs", json={"prefix": "ward/a/"}, headers=headers)

    first, again = ask(sources=f"ward={tmp_path}/ward"), ask()

    assert (first.status_code, again.status_code) == (202, 202)
    assert again.get_json()["id"] == first.get_json()["id"]


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ({"prefix": "none/"}, "prefix_not_allowed"),
        ({"prefix": "other/"}, "prefix_not_allowed"),
        ({"prefix": "ward/../../etc/"}, "prefix_not_allowed"),
        ({"prefix": "/etc/"}, "prefix_not_allowed"),
        ({"prefix": ""}, "prefix_not_allowed"),
        ({"prefix": 7}, "invalid_parameter"),
        ({"prefix": "ward/", "upload": "0" * 32}, "invalid_parameter"),
        ({}, "invalid_parameter"),
        ({"prefix": "ward/", "external_id": "A"}, "invalid_parameter"),
        ({"prefix": "ward/", "priority": "interactive"}, "invalid_parameter"),
        ({"prefix": "ward/", "manifest": [{"file": "a"}]}, None),
    ],
)
def test_what_is_refused(document: dict[str, Any], code: str | None, api: Service) -> None:
    answer = api.client.post("/v1/jobs", json=document)

    if code is None:  # one bad line fails alone
        assert answer.status_code == 202
        return
    assert (answer.status_code, answer.get_json()["code"]) == (422, code)
    assert str(api.parts.settings.data_dir.parent) not in answer.text
    assert api.client.get("/v1/jobs").get_json()["items"] == []
