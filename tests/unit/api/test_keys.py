"""/v1/keys: made, listed and revoked by administrators."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lungline.domain import Scope
from tests.factories.keyed import bearer
from tests.factories.services import Service, service


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Service]:
    with service(tmp_path, auth="keys") as it:
        yield it


@pytest.fixture
def admin(api: Service) -> dict[str, str]:
    return bearer(api, Scope.ADMIN)


def test_a_key_is_told_once_and_opens_its_tenant(api: Service, admin: dict[str, str]) -> None:
    asked = {"name": "ward 3", "tenant": "ward-3", "scopes": ["read"], "expires_in": 60}
    answer = api.client.post("/v1/keys", json=asked, headers=admin)
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    made = answer.get_json()
    token = made.pop("key")
    assert (made["tenant"], made["scopes"], made["name"]) == ("ward-3", ["read"], "ward 3")
    assert api.client.get("/v1/jobs", headers={"Authorization": f"Bearer {token}"}).json == {
        "items": [],
        "next": None,
    }
    page = api.client.get("/v1/keys?tenant=ward-3", headers=admin)
    (listed,) = page.get_json()["items"]
    assert listed.pop("last_used_at")
    assert made.pop("last_used_at") is None
    assert listed == made
    assert token.split("_", 2)[2] not in page.text


def test_a_key_reads_and_submits_in_the_same_tenant_if_nothing_else_is_said(
    api: Service, admin: dict[str, str]
) -> None:
    made = api.client.post("/v1/keys", json={}, headers=admin).get_json()
    assert (made["tenant"], made["scopes"]) == ("default", ["read", "submit"])
    assert made["expires_at"] is None


@pytest.mark.parametrize(
    "asked",
    [
        {"scopes": []},
        {"scopes": ["write"]},
        {"scopes": "read"},
        {"tenant": "../other"},
        {"tenant": "Ward"},
        {"tenant": "ward\n"},
        {"tenant": "a" * 65},
        {"tenant": ""},
        {"expires_in": 0},
        {"expires_in": 10**12},
        {"name": "n" * 201},
        {"secret": "mine"},
    ],
)
def test_what_is_no_key_is_refused(
    api: Service, admin: dict[str, str], asked: dict[str, Any]
) -> None:
    answer = api.client.post("/v1/keys", json=asked, headers=admin)
    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_parameter")
    assert len(api.client.get("/v1/keys", headers=admin).get_json()["items"]) == 1


def test_a_revoked_key_opens_nothing(api: Service, admin: dict[str, str]) -> None:
    made = api.client.post("/v1/keys", json={}, headers=admin).get_json()
    headers = {"Authorization": f"Bearer {made['key']}"}
    assert api.client.get("/v1/jobs", headers=headers).status_code == 200
    for _ in range(2):
        assert api.client.delete(f"/v1/keys/{made['id']}", headers=admin).status_code == 204
    assert api.client.get("/v1/jobs", headers=headers).status_code == 401
    newest = api.client.get("/v1/keys?limit=1", headers=admin).get_json()["items"][0]
    assert (newest["id"], newest["revoked_at"] is None) == (made["id"], False)


@pytest.mark.parametrize("key_id", ["0" * 32, "nothing", "lungline_x"])
def test_an_unknown_key_cannot_be_revoked(key_id: str, api: Service, admin: dict[str, str]) -> None:
    answer = api.client.delete(f"/v1/keys/{key_id}", headers=admin)
    assert (answer.status_code, answer.get_json()["code"]) == (404, "key_not_found")
