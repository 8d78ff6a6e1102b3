"""/v1/webhooks: endpoints come and go, secrets are told once, addresses are checked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.factories.scripted import Answer, scripted
from tests.factories.services import Service, service
from workers.webhooks import deliver_due

URL = "http://127.0.0.1:9/hook"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Service]:
    with service(tmp_path, webhook_networks="127.0.0.0/8") as it:
        yield it


def test_an_endpoint_from_its_making_to_its_end(api: Service) -> None:
    with scripted(Answer({})) as receiver:
        made = api.client.post("/v1/webhooks", json={"url": receiver.url})
        assert made.status_code == 201
        base = f"/v1/webhooks/{made.get_json()['id']}"
        secret = made.get_json()["secret"]
        assert made.get_json()["events"] == ["job.cancelled", "job.expired", "job.finished"]
        assert made.headers["Cache-Control"] == "no-store"
        ping = api.client.post(f"{base}/ping")
        assert (ping.status_code, ping.get_json()["status"]) == (202, "pending")
        deliver_due(api.parts.repository, api.parts.settings)
        (told,) = api.client.get(f"{base}/deliveries").get_json()["items"]
        assert (told["status"], told["last_status"], told["type"]) == ("delivered", 200, "ping")
        again = api.client.post(f"{base}/deliveries/{told['id']}/redeliver")
        assert (again.status_code, again.get_json()["attempts"]) == (202, 0)
    other = api.client.post(f"{base}/rotate").get_json()["secret"]
    assert other.startswith("whsec_")
    assert other != secret
    texts = [api.client.get(path).text for path in ("/v1/webhooks", base, f"{base}/deliveries")]
    assert not any("whsec_" in text for text in texts)
    assert api.client.delete(base).status_code == 204
    assert api.client.get(base).get_json()["code"] == "webhook_not_found"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "invalid_parameter"),
        ({"url": ""}, 422, "invalid_parameter"),
        ({"url": 7}, 422, "invalid_parameter"),
        ({"url": URL, "more": 1}, 422, "invalid_parameter"),
        ({"url": URL, "events": []}, 422, "invalid_parameter"),
        ({"url": URL, "events": ["job.nonsense"]}, 422, "invalid_parameter"),
        ({"url": "https://" + "x" * 2_000}, 422, "invalid_parameter"),
        ({"url": "ftp://127.0.0.1/"}, 422, "address_refused"),
        ({"url": "http://user:secret@127.0.0.1/"}, 422, "address_refused"),
        ({"url": "http://169.254.169.254/latest"}, 422, "address_refused"),
        ({"url": "http://10.0.0.1/"}, 422, "address_refused"),
        ({"url": "http://[::1]/"}, 422, "address_refused"),
        ({"url": "nonsense"}, 422, "address_refused"),
    ],
)
def test_what_cannot_be_an_endpoint(
    api: Service, body: dict[str, object], status: int, code: str
) -> None:
    answer = api.client.post("/v1/webhooks", json=body)
    assert (answer.status_code, answer.get_json()["code"]) == (status, code), answer.text
    assert api.client.get("/v1/webhooks").get_json()["items"] == []


def test_by_default_only_https_in_public(tmp_path: Path) -> None:
    with service(tmp_path) as api:
        for url in (URL, "https://127.0.0.1/hook", "https://localhost/hook"):
            answer = api.client.post("/v1/webhooks", json={"url": url})
            assert answer.get_json()["code"] == "address_refused"


@pytest.mark.parametrize("known", [False, True])
def test_ids_that_are_none(api: Service, known: bool) -> None:
    name = "0" * 32 if known else "nonsense"
    for method, end in (("GET", ""), ("DELETE", ""), ("POST", "/ping"), ("POST", "/rotate")):
        answer = api.client.open(f"/v1/webhooks/{name}{end}", method=method)
        assert (answer.status_code, answer.get_json()["code"]) == (404, "webhook_not_found")
