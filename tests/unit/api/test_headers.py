"""Every kind of answer tells a browser what it may do with it: almost nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from api.headers import SECURITY_HEADERS
from tests.factories import films
from tests.factories.keyed import bearer
from tests.factories.services import Service, service
from tests.fixtures.parts import REPOSITORY

ORIGIN = "https://app.example"
NOBODY = "0" * 32


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with service(tmp_path_factory.mktemp("headers"), cors_origins=ORIGIN) as it:
        it.job(("a.jpg", films.jpeg(1)))
        it.read_all()
        yield it


def item(api: Service) -> str:
    (job,) = api.client.get("/v1/jobs?status=succeeded").get_json()["items"]
    (found,) = api.client.get(job["links"]["items"]).get_json()["items"]
    return str(found["links"]["self"])


def job(api: Service) -> str:
    return str(api.client.get("/v1/jobs?status=succeeded").get_json()["items"][0]["links"]["self"])


ANSWERS: dict[str, tuple[int, Callable[[Service], TestResponse]]] = {
    "page": (200, lambda api: api.client.get("/")),
    "docs": (200, lambda api: api.client.get("/docs")),
    "document": (200, lambda api: api.client.get("/openapi.json")),
    "script": (200, lambda api: api.client.get("/static/js/api.js")),
    "health": (200, lambda api: api.client.get("/healthz")),
    "metrics": (200, lambda api: api.client.get("/metrics")),
    "JSON": (200, lambda api: api.client.get("/v1/jobs")),
    "picture": (200, lambda api: api.client.get(item(api) + "/film")),
    "zip": (200, lambda api: api.client.get(job(api) + "/pictures?kind=mask")),
    "CSV": (200, lambda api: api.client.get(job(api) + "/results?format=csv")),
    "events": (200, lambda api: api.client.get(job(api) + "/events")),
    "taken": (202, lambda api: api.client.post("/v1/jobs", data=films.jpeg(2))),
    "preflight": (
        204,
        lambda api: api.client.options(
            "/v1/jobs", headers={"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
        ),
    ),
    "unchanged": (
        304,
        lambda api: api.client.get(
            item(api), headers={"If-None-Match": api.client.get(item(api)).headers["ETag"]}
        ),
    ),
    "moved": (308, lambda api: api.client.get("/v1//jobs")),
    "empty": (400, lambda api: api.client.post("/v1/jobs")),
    "other site": (
        403,
        lambda api: api.client.post("/v1/jobs", headers={"Sec-Fetch-Site": "cross-site"}),
    ),
    "no job": (404, lambda api: api.client.get(f"/v1/jobs/{NOBODY}")),
    "no address": (404, lambda api: api.client.get("/nothing")),
    "no file": (404, lambda api: api.client.get("/static/nothing.js")),
    "no method": (405, lambda api: api.client.delete("/v1/jobs")),
    "no host": (421, lambda api: api.client.get("/", headers={"Host": "evil.example"})),
    "no value": (422, lambda api: api.client.get("/v1/jobs?limit=0")),
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_each_kind_of_answer_carries_them(kind: str, api: Service) -> None:
    status, ask = ANSWERS[kind]
    with ask(api) as answer:
        assert answer.status_code == status
        for name, value in SECURITY_HEADERS.items():
            assert answer.headers.getlist(name) == [value]
        assert "Set-Cookie" not in answer.headers
        assert "Strict-Transport-Security" not in answer.headers, "this is no TLS"


def test_every_route_carries_them_whatever_it_answers(api: Service) -> None:
    values = {"number": 1, "name": "en", "path": "a", "filename": "js/api.js", "key": "a@1"}
    tried = set()
    adapter = api.app.url_map.bind("localhost")
    for rule in api.app.url_map.iter_rules():
        given = {name: values.get(name, NOBODY) for name in rule.arguments}
        address = adapter.build(rule.endpoint, given)
        for method in (rule.methods or set()) - {"HEAD"}:
            with api.client.open(address, method=method, buffered=False) as answer:
                where = (method, rule.rule, answer.status_code)
                assert answer.status_code < 500, where
                assert SECURITY_HEADERS.items() <= dict(answer.headers).items(), where
        tried.add(rule.endpoint)
    assert {"static", "jobs.get_job", "pictures.get_film", "sign_in.do_sign_in"} <= tried
    assert len(tried) > 60


def test_a_crash_and_a_missing_key_carry_them_too(tmp_path: Path) -> None:
    with service(tmp_path, auth="keys") as api:

        def crash() -> str:
            raise ZeroDivisionError

        api.app.view_functions["health.healthz"] = crash
        crash.lungline_scopes = frozenset()  # type: ignore[attr-defined]
        for path, status in (("/healthz", 500), ("/v1/jobs", 401)):
            answer = api.client.get(path)
            assert answer.status_code == status
            assert SECURITY_HEADERS.items() <= dict(answer.headers).items()
        headers = bearer(api) | {"If-None-Match": "x"}
        assert api.client.get("/v1/jobs", headers=headers).status_code == 200


def test_the_policy_allows_no_code_in_pages() -> None:
    parts = SECURITY_HEADERS["Content-Security-Policy"].split(";")
    policy = dict(part.strip().split(" ", 1) for part in parts)
    assert policy["default-src"] == "'self'"
    assert "unsafe" not in SECURITY_HEADERS["Content-Security-Policy"]
    assert policy["object-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert "http" not in SECURITY_HEADERS["Content-Security-Policy"], "no other host"


class Inline(HTMLParser):
    """Collects what a page does that its policy would not let it do."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        inline = [name for name in given if name.startswith("on") or name == "style"]
        if (tag == "script" and "src" not in given) or tag == "style" or inline:
            self.found.append(f"<{tag} {inline}>")
        for name in ("src", "href", "action"):
            if re.match(r"(?i)\s*(https?:|//|javascript:)", given.get(name) or ""):
                self.found.append(f"<{tag} {name}={given[name]}>")


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_pages_hold_no_code_and_name_no_other_host(path: str, api: Service) -> None:
    parser = Inline()
    parser.feed(api.client.get(path).text)
    assert parser.found == []


def test_scripts_make_no_code_of_texts() -> None:
    for script in (REPOSITORY / "api" / "static").rglob("*.js"):
        text = script.read_text(encoding="utf-8")
        assert not re.search(r"\beval\(|new Function|innerHTML|outerHTML|document\.write", text)
        assert not re.search(r"https?://(?!www\.w3\.org/)", text), script


def test_behind_a_trusted_proxy_browsers_are_told_to_stay_with_tls(tmp_path: Path) -> None:
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7"}
    with service(tmp_path, auth="keys", trusted_proxies=1) as api:
        answer = api.client.get("/healthz", headers=forwarded)
        assert "max-age=31536000" in answer.headers["Strict-Transport-Security"]
        assert "Strict-Transport-Security" not in api.client.get("/healthz").headers
    with service(tmp_path, auth="keys") as api:
        answer = api.client.get("/healthz", headers=forwarded)
        assert "Strict-Transport-Security" not in answer.headers, "nobody is believed"


def test_a_host_that_a_trusted_proxy_names_is_checked(tmp_path: Path) -> None:
    with service(tmp_path, auth="keys", trusted_proxies=1) as api:
        answer = api.client.get("/healthz", headers={"X-Forwarded-Host": "evil.example"})
        assert answer.status_code == 421
