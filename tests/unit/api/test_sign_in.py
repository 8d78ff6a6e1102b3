"""The page where keys are needed: a key becomes a session, which only the page itself can use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from api.page.texts import LANGUAGES, catalogue
from api.session import COOKIE, Sessions
from lungline.domain import Scope
from lungline.errors import DatabaseUnavailable
from tests.factories import films
from tests.factories.keyed import bearer
from tests.factories.services import Service, service

SAME = {"Sec-Fetch-Site": "same-origin"}
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
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


def test_a_browser_drops_pictures_when_a_session_ends(api: Service) -> None:
    def drops(answer: TestResponse) -> bool:
        return answer.headers.get("Clear-Site-Data") == '"cache"'

    key = key_of(api)
    assert not drops(api.client.get("/sign-in"))
    assert not drops(sign_in(api, key))
    for path in ("/jobs", "/sign-in"):  # who is signed in keeps them
        assert not drops(api.client.get(path))
    assert drops(sign_in(api, key_of(api)))  # another one in the same browser
    assert drops(api.client.post("/sign-out", headers=SAME))
    assert not drops(api.client.get("/sign-in"))

    sign_in(api, key)
    api.parts.repository.keys.revoke(key.split("_")[1])
    assert api.client.get("/jobs").headers["Location"] == "/sign-in?back=/jobs"
    assert drops(api.client.get("/sign-in?back=/jobs"))


def test_nobody_goes_back_to_the_pages_of_a_session(api: Service) -> None:
    sign_in(api, key_of(api))
    for path in ("/", "/jobs", f"/jobs/{'0' * 32}", f"/films/{'0' * 32}"):
        assert api.client.get(path).headers["Cache-Control"] == "no-store"


def test_the_form_tells_who_is_signed_in(api: Service) -> None:
    key = key_of(api)
    sign_in(api, key)
    answer = api.client.get("/sign-in?back=/jobs")
    assert answer.status_code == 200
    assert f"Signed in for ward, with the key {key.split('_')[1]}." in answer.text
    assert 'href="/jobs">To the films' in answer.text


def test_behind_tls_the_cookie_is_for_tls_alone(tmp_path: Path) -> None:
    forwarded = SAME | {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7"}
    for proxies in (1, 0):  # without a trusted one nobody is believed
        with service(tmp_path, auth="keys", trusted_proxies=proxies) as api:
            key = {"key": key_of(api)}
            for headers, secure in ((forwarded, bool(proxies)), (SAME, False)):
                answer = api.client.post("/sign-in", data=key, headers=headers)
                assert answer.status_code == 303
                words = answer.headers["Set-Cookie"].split("; ")
                assert ("Secure" in words) is secure
                assert {"HttpOnly", "SameSite=Strict"} <= set(words)


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
        assert [sign_in(api, "wrong").status_code for _ in range(2)] == [401, 401]
        for language in LANGUAGES:
            api.client.get(f"/language/{language}")
            answer = sign_in(api, "wrong")
            assert (answer.status_code, answer.mimetype) == (429, "text/html")
            seconds = answer.headers["Retry-After"]
            assert 0 < int(seconds) <= 60
            assert catalogue(language)["sign_in.wait"].replace("{n}", seconds) in answer.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_system_is_shown_to_whom_its_numbers_are_told(language: str, api: Service) -> None:
    asked = {"Accept": BROWSER, "Accept-Language": language}
    link = 'href="/system"'
    for scopes in ({Scope.READ, Scope.MONITOR}, {Scope.ADMIN}):
        sign_in(api, key_of(api, *scopes))
        assert api.client.get("/system", headers=asked).status_code == 200
        assert link in api.client.get("/jobs", headers=asked).text

    sign_in(api, key_of(api, Scope.READ, Scope.SUBMIT))
    assert link not in api.client.get("/jobs", headers=asked).text
    answer = api.client.get("/system", headers=asked)
    assert (answer.status_code, answer.mimetype) == (403, "text/html")
    texts = catalogue(language)
    assert f">{texts['refusal.403']}</h1>" in answer.text
    assert f'href="/sign-in?back=/system">{texts["refusal.sign_in"]}' in answer.text
    assert texts["refusal.scopes"].replace("{scopes}", "admin, monitor") in answer.text
    assert api.client.get("/system").get_json()["code"] == "scope_missing"


def test_pages_tell_that_the_database_is_away_without_asking_it(
    api: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(api, key_of(api))

    def away(*_: object) -> None:
        raise DatabaseUnavailable("The database does not answer.")

    monkeypatch.setattr(api.parts.repository.keys, "get", away)
    monkeypatch.setattr(api.parts.repository.keys, "check", away)
    for answer in (
        api.client.get("/jobs", headers={"Accept": BROWSER}),
        api.client.post("/sign-in", data={"key": "x"}, headers={"Accept": BROWSER} | SAME),
    ):
        assert (answer.status_code, answer.mimetype) == (503, "text/html")
        assert "The database does not answer." in answer.text


@pytest.mark.parametrize(
    "back",
    [
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "/\r\n/evil.example",
        "/a\\evil.example",
        "https://evil.example",
        "evil.example",
        "",
        "/\u00a0/evil.example",
    ],
)
def test_no_link_makes_the_page_lead_elsewhere(api: Service, back: str) -> None:
    answer = api.client.post("/sign-in", data={"key": key_of(api), "back": back}, headers=SAME)
    language = api.client.get("/language/en", query_string={"back": back}, headers=SAME)

    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert (language.status_code, language.headers["Location"]) == (303, "/")


def test_the_page_leads_back_to_where_one_was(api: Service) -> None:
    back = "/jobs?status=failed&metadata.ward=3%20B"
    answer = api.client.post("/sign-in", data={"key": key_of(api), "back": back}, headers=SAME)

    assert answer.headers["Location"] == back
