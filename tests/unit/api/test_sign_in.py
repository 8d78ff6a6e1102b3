"""The page where keys are needed: a key becomes a session, which only the page itself can use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from api.session import COOKIE, Sessions
from lungline.domain import Scope
from tests.factories import films
from tests.factories.keyed import bearer
from tests.factories.services import Service, service

SAME = {"Sec-Fetch-Site": "same-origin"}
LISTED = "https://app.example"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Service]:
    with service(tmp_path, auth="keys", cors_origins=LISTED) as it:
        yield it


def sign_in(api: Service, key: str) -> TestResponse:
    return api.client.post("/sign-in", data={"key": key}, headers=SAME)


def key_of(api: Service, *scopes: Scope, tenant: str = "ward") -> str:
    return bearer(api, *scopes, tenant=tenant)["Authorization"].removeprefix("Bearer ")


def test_pages_lead_to_the_form_and_a_key_opens_them(api: Service) -> None:
    for path in ("/", "/jobs", "/system", f"/jobs/{'0' * 32}"):
        answer = api.client.get(path)
        assert (answer.status_code, answer.headers["Location"]) == (303, f"/sign-in?back={path}")
    assert "API key" in api.client.get("/sign-in").text
    assert api.client.get("/v1/jobs").status_code == 401

    answer = sign_in(api, key_of(api))
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    cookie = answer.headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert api.client.get("/").status_code == 200
    assert api.client.get("/v1/jobs", headers=SAME).status_code == 200
    made = api.client.post("/v1/jobs", data=films.jpeg(1), headers=SAME)
    assert made.status_code == 202
    assert api.parts.repository.jobs.get("ward", made.get_json()["id"]).tenant == "ward"

    assert api.client.post("/sign-out", headers=SAME).status_code == 303
    assert api.client.get("/v1/jobs").status_code == 401


def test_a_session_has_the_scopes_of_its_key_and_ends_with_it(api: Service) -> None:
    key = key_of(api, Scope.READ)
    sign_in(api, key)
    assert api.client.post("/v1/jobs", data=films.jpeg(1), headers=SAME).status_code == 403
    assert api.client.get("/v1/jobs").status_code == 200
    api.parts.repository.keys.revoke(key.split("_")[1])
    assert api.client.get("/v1/jobs").status_code == 401
    assert api.client.get("/").status_code == 303


def test_a_wrong_key_opens_nothing(api: Service) -> None:
    answer = sign_in(api, key_of(api) + "x")
    assert answer.status_code == 401
    assert "Set-Cookie" not in answer.headers
    assert sign_in(api, "").status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": LISTED},
        {"Origin": LISTED},
    ],
)
def test_no_other_site_can_use_a_session(headers: dict[str, str], api: Service) -> None:
    sign_in(api, key_of(api))
    answer = api.client.post("/v1/jobs", data=films.jpeg(1), headers=headers)
    assert (answer.status_code, answer.get_json()["code"]) == (403, "cross_site")
    assert api.client.get("/v1/jobs").get_json()["items"] == []


def test_a_cookie_cannot_be_made_up_or_prolonged(api: Service) -> None:
    key_id = key_of(api).split("_")[1]
    sessions = api.parts.sessions
    right, over = sessions.make(key_id), sessions.make(key_id, seconds=-1)
    name, expires, signature = right.split(".")
    foreign = Sessions(b"another key").make(key_id)
    assert sessions.key_id(right) == key_id
    for cookie in (
        over,
        foreign,
        f"{name}.{int(expires) + 1}.{signature}",
        f"{'0' * 32}.{expires}.{signature}",
        "",
        ".",
        "..",
        key_id,
        "é.1.é",
    ):
        assert sessions.key_id(cookie) is None, cookie
    api.client.set_cookie(COOKIE, over)
    assert api.client.get("/v1/jobs").status_code == 401


def test_keys_cannot_be_tried_out_at_the_form(tmp_path: Path) -> None:
    with service(tmp_path, auth="keys", max_refusals_per_minute=2) as api:
        assert [sign_in(api, "wrong").status_code for _ in range(3)] == [401, 401, 429]
