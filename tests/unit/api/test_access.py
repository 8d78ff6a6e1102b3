"""Who has no key gets nothing; who has one gets what its scopes say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from api.access import check_declared
from lungline.domain import Scope
from lungline.errors import ConfigurationError
from lungline.settings import load_settings
from tests.factories import films
from tests.factories.keyed import bearer
from tests.factories.services import Service, service

OPEN = {"getExportContent", "getHealth", "getReadiness", "putPart"}
ANY_ID = "0" * 32


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Service]:
    with service(tmp_path, auth="keys") as it:
        yield it


def operations(api: Service) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, address and description of each operation of the OpenAPI document."""
    for path, methods in api.client.get("/openapi.json").get_json()["paths"].items():
        address = path.replace("{number}", "1")
        ids = ("job_id", "item_id", "upload_id", "export_id", "key_id", "webhook_id", "delivery_id")
        for name in ids:
            address = address.replace(f"{{{name}}}", ANY_ID)
        for method, operation in methods.items():
            yield method.upper(), address, operation


def test_each_operation_needs_a_key(api: Service) -> None:
    seen = set()
    for method, address, operation in operations(api):
        answer = api.client.open(address, method=method)
        if operation["operationId"] in OPEN:
            assert answer.status_code in (200, 403), address
            assert operation["security"] == []
            continue
        assert (answer.status_code, answer.get_json()["code"]) == (401, "key_missing"), address
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="lungline"'
        assert {"401", "403"} <= operation["responses"].keys()
        seen.add(operation["operationId"])
    assert {"submitJob", "getResults", "getMetrics", "getFilm"} <= seen


def test_each_operation_takes_the_scopes_it_names_and_no_other(api: Service) -> None:
    keys = {scope: bearer(api, scope) for scope in Scope}
    for method, address, operation in operations(api):
        named = {scope for entry in operation["security"] for scope in entry["key"]}
        for scope, headers in keys.items():
            # The answer may be any other error: of a body, of an id.
            answer = api.client.open(address, method=method, headers=headers)
            code = (answer.get_json(silent=True) or {}).get("code")
            refused = named and scope not in named
            assert (code == "scope_missing") == bool(refused), (method, address, scope)
            assert answer.status_code == 403 if refused else answer.status_code != 401


@pytest.mark.parametrize(
    "header",
    ["Bearer", "Bearer ", "Basic bHVuZzpsaW5l", "Bearer\tx", "lungline_" + ANY_ID + "_" + "A" * 43],
)
def test_another_header_is_no_key(header: str, api: Service) -> None:
    answer = api.client.get("/v1/jobs", headers={"Authorization": header})
    assert (answer.status_code, answer.get_json()["code"]) == (401, "key_missing")


def test_a_wrong_key_opens_nothing(api: Service) -> None:
    right = bearer(api)["Authorization"]
    other_end = "A" if right[-2] != "A" else "B"
    wrong = [
        right[:-2] + other_end + right[-1],
        right.replace("Bearer lungline_", "Bearer lungline_0", 1),
        f"Bearer lungline_{ANY_ID}_{'A' * 43}",
        f"Bearer lungline_{ANY_ID}_",
        "Bearer x",
        right + "A",
        f"{right} {right[7:]}",
        "Bearer " + "\u00e9" * 50,
    ]
    for header in wrong:
        answer = api.client.get("/v1/jobs", headers={"Authorization": header})
        assert (answer.status_code, answer.get_json()["code"]) == (401, "key_invalid"), header
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    assert api.client.get("/v1/jobs", headers={"Authorization": right}).status_code == 200
    lower = right.replace("Bearer", "bearer")
    assert api.client.get("/v1/jobs", headers={"Authorization": lower}).status_code == 200


def test_an_expired_and_a_revoked_key_open_nothing(api: Service) -> None:
    headers = bearer(api, expires_in=60)
    assert api.client.get("/v1/jobs", headers=headers).status_code == 200
    api.parts.database.clock_offset = 61
    answer = api.client.get("/v1/jobs", headers=headers)
    assert (answer.status_code, answer.get_json()["code"]) == (401, "key_expired")

    headers = bearer(api)
    assert api.client.get("/v1/jobs", headers=headers).status_code == 200
    (newest,) = api.parts.repository.keys.page(limit=1).items
    api.parts.repository.keys.revoke(newest.id)
    answer = api.client.get("/v1/jobs", headers=headers)
    assert (answer.status_code, answer.get_json()["code"]) == (401, "key_invalid")


def test_who_may_only_send_is_not_told_what_was_found(api: Service) -> None:
    film = films.jpeg(1)
    both = bearer(api)
    assert api.client.post("/v1/jobs", data=film, headers=both).status_code == 202
    api.read_all()  # the film is known from now on: its findings come at once
    prefer = {"Prefer": "wait=5"}
    known = api.client.post("/v1/jobs", data=film, headers=both | prefer)
    assert (known.status_code, "prediction" in known.get_json()) == (200, True)
    sender = bearer(api, Scope.SUBMIT)
    answer = api.client.post("/v1/jobs", data=film, headers=sender | prefer)
    assert answer.status_code == 202
    assert api.client.get(answer.headers["Location"], headers=sender).status_code == 403


def test_the_key_is_on_the_line_of_the_request_without_its_secret(
    api: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    headers = bearer(api)
    capsys.readouterr()
    api.client.get("/v1/jobs", headers=headers)
    api.client.get("/v1/jobs", headers={"Authorization": headers["Authorization"] + "x"})
    said = capsys.readouterr().out
    _, key_id, secret = headers["Authorization"].removeprefix("Bearer ").split("_", 2)
    assert f'"by_key": "{key_id}"' in said
    assert secret not in said


def test_a_view_that_declares_no_scope_stops_the_start() -> None:
    app = Flask(__name__)
    app.add_url_rule("/new", "new", lambda: "secret")
    with pytest.raises(RuntimeError, match="new must declare its scope"):
        check_declared(app)


def test_without_keys_nobody_comes_through_a_proxy(tmp_path: Path) -> None:
    names = ("For", "Proto", "Host", "Server", "Port", "Prefix", "Ssl")
    others = ("Forwarded", "Via", "X-Real-IP", "CF-Connecting-IP", "x-original-host")
    with service(tmp_path) as api:
        assert api.client.get("/v1/jobs").status_code == 200
        for name in (*(f"X-Forwarded-{name}" for name in names), *others):
            for path in ("/v1/jobs", "/", "/metrics"):
                answer = api.client.get(path, headers={name: "203.0.113.7"})
                assert answer.status_code == 403, name
                assert answer.get_json()["code"] == "keys_needed"


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", ""])
def test_without_keys_this_machine_is_answered(peer: str, tmp_path: Path) -> None:
    with service(tmp_path) as api:
        assert answer_to(api, peer).status_code == 200


@pytest.mark.parametrize(
    "peer",
    ["192.168.1.77", "203.0.113.7", "2001:db8::7", "::ffff:192.168.1.77", "0.0.0.0", "/run/x.sock"],  # noqa: S104
)
def test_without_keys_no_other_machine_is_answered_whatever_server_took_it(
    peer: str, tmp_path: Path
) -> None:
    with service(tmp_path) as api:
        for path in ("/v1/jobs", "/", "/metrics", "/v1/jobs/" + ANY_ID):
            answer = answer_to(api, peer, path)
            assert (answer.status_code, answer.get_json()["code"]) == (403, "keys_needed")
            assert peer not in answer.text


def test_who_wants_no_keys_may_trust_a_proxy_of_the_same_machine(tmp_path: Path) -> None:
    passed_on = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"}
    with service(tmp_path, auth="none", trusted_proxies=1) as api:
        assert answer_to(api, "127.0.0.1", headers=passed_on).status_code == 200
        near = passed_on | {"X-Forwarded-For": "127.0.0.1"}
        for headers in (passed_on, near, {}):
            assert answer_to(api, "192.168.1.77", headers=headers).status_code == 403


def test_with_keys_any_machine_is_answered(api: Service) -> None:
    headers = bearer(api) | {"X-Forwarded-For": "203.0.113.7", "Via": "1.1 proxy"}
    assert answer_to(api, "192.168.1.77", headers=headers).status_code == 200


def answer_to(
    api: Service, peer: str, path: str = "/v1/jobs", headers: dict[str, str] | None = None
) -> TestResponse:
    """What a machine of this address gets."""
    return api.client.get(path, headers=headers, environ_overrides={"REMOTE_ADDR": peer})


@pytest.mark.parametrize(
    ("host", "auth", "needed"),
    [
        ("127.0.0.1", "auto", False),
        ("127.8.8.8", "auto", False),
        ("::1", "auto", False),
        ("localhost", "none", False),
        ("localhost", "keys", True),
        ("0.0.0.0", "auto", True),  # noqa: S104
        ("::", "auto", True),
        ("192.0.2.1", "auto", True),
        ("films.example", "auto", True),
        ("", "auto", True),
    ],
)
def test_keys_are_needed_wherever_others_reach_the_service(
    host: str, auth: str, needed: bool
) -> None:
    assert load_settings(api_host=host, auth=auth).keys_needed is needed


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "films.example", ""])  # noqa: S104
def test_without_keys_it_binds_loopback_only(host: str) -> None:
    with pytest.raises(ConfigurationError, match="LUNGLINE_AUTH=none"):
        load_settings(api_host=host, auth="none")
