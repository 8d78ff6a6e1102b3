"""A body is small, or its view says that it takes a large one; the rest fills no memory."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.bodies import SMALL_BODY_BYTES
from lungline.domain import Scope
from tests.factories.keyed import bearer
from tests.factories.services import Service, service

STREAMED = {
    "submissions.submit_job",
    "models.add_model",
    "uploads.put_part",
    "uploads.put_upload_content",
}
CHANGING = {"POST", "PUT", "PATCH", "DELETE"}
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
SAME = {"Sec-Fetch-Site": "same-origin"}


class Endless(io.RawIOBase):
    """Spaces without end, of which it counts what was read."""

    def __init__(self, start: bytes) -> None:
        self._start = start
        self.given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = (self._start if not self.given else b"").ljust(len(buffer))
        self.given += len(buffer)
        if self.given > 64 * SMALL_BODY_BYTES:
            raise AssertionError("It is read without a limit.")
        buffer[:] = data[: len(buffer)]
        return len(buffer)


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Service]:
    with service(tmp_path, auth="keys") as it:
        yield it


def everything(api: Service) -> dict[str, str]:
    return bearer(api, *Scope)


def routes(api: Service) -> Iterator[tuple[str, str, str]]:
    """Endpoint, method and address of each route that changes something."""
    for rule in api.app.url_map.iter_rules():
        values = {name: 1 if name == "number" else "0" * 32 for name in rule.arguments}
        address = rule.build(values, append_unknown=False)
        assert address is not None
        for method in (rule.methods or set()) & CHANGING:
            yield rule.endpoint, method, address[1]


def in_chunks(stream: io.IOBase) -> dict[str, Any]:
    """What gunicorn hands on of a body of unknown length."""
    chunked = {"HTTP_TRANSFER_ENCODING": "chunked"}
    return {"wsgi.input": stream, "wsgi.input_terminated": True} | chunked


def test_a_large_body_is_for_views_that_say_so(api: Service) -> None:
    headers, taken = everything(api), set()
    body = bytes(SMALL_BODY_BYTES + 1)
    for endpoint, method, address in routes(api):
        answer = api.client.open(address, method=method, data=body, headers=headers)
        if answer.status_code != 413:
            taken.add(endpoint)
            continue
        found = answer.get_json()
        assert (found["code"], "65,536 bytes" in found["detail"]) == ("too_large", True), address
    assert taken == STREAMED


def test_a_body_of_unknown_length_is_not_read_on(api: Service) -> None:
    documents = api.client.get("/openapi.json").get_json()["paths"]
    seen, headers = set(), everything(api) | JSON
    for endpoint, method, address in routes(api):
        rule = next(rule for rule in api.app.url_map.iter_rules() if rule.endpoint == endpoint)
        path = rule.rule.replace("<int:", "<").replace("<", "{").replace(">", "}")
        operation = documents.get(path, {}).get(method.lower(), {})
        if endpoint in STREAMED or "requestBody" not in operation:
            continue
        endless = Endless(b"{")
        answer = api.client.open(
            address, method=method, headers=headers, environ_overrides=in_chunks(endless)
        )
        assert (answer.status_code, answer.get_json()["code"]) == (413, "too_large"), address
        assert endless.given <= 2 * SMALL_BODY_BYTES
        assert "413" in operation["responses"]
        seen.add(endpoint)
    assert {"keys.create_key", "webhooks.create_webhook", "control.change_job"} <= seen


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data"])
def test_nobody_signs_in_with_a_large_form(kind: str, api: Service) -> None:
    headers = {"Content-Type": f"{kind}; boundary=b"} | SAME
    endless = Endless(b'--b\r\nContent-Disposition: form-data; name="key"\r\n\r\n')
    answer = api.client.post("/sign-in", headers=headers, environ_overrides=in_chunks(endless))
    assert (answer.status_code, answer.get_json()["code"]) == (413, "too_large")
    assert endless.given <= 2 * SMALL_BODY_BYTES


def test_a_small_body_of_unknown_length_is_taken_whole(api: Service) -> None:
    admin = everything(api) | JSON
    text = b'{"name": "ward"}'.ljust(SMALL_BODY_BYTES)
    chunks = in_chunks(io.BytesIO(text))
    answer = api.client.post("/v1/keys", headers=admin, environ_overrides=chunks)
    assert (answer.status_code, answer.get_json()["name"]) == (201, "ward")
    key = bearer(api)["Authorization"].removeprefix("Bearer ")
    form = in_chunks(io.BytesIO(f"key={key}".encode()))
    signed_in = api.client.post("/sign-in", headers=FORM | SAME, environ_overrides=form)
    assert signed_in.status_code == 303


def test_a_body_that_is_cut_off_is_told_as_such(api: Service) -> None:
    cut = in_chunks(io.BytesIO(b'{"name":')) | {"CONTENT_LENGTH": "100"}
    del cut["HTTP_TRANSFER_ENCODING"]
    headers = everything(api) | JSON
    answer = api.client.post("/v1/keys", headers=headers, environ_overrides=cut)
    assert (answer.status_code, answer.get_json()["code"]) == (400, "body_cut_off")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 60_000, "nested too deep"),
        ('{"a":' * 12_000, "nested too deep"),
        ('{"expires_in": ' + "9" * 5_000 + "}", "no JSON that can be read"),
        ('{"name": Kim}', "character 9"),
        ('{"name": ', "character 9"),
        (b"\xff\xfe{", "no JSON that can be read"),
    ],
)
def test_json_that_cannot_be_read_is_a_clear_problem(
    text: str | bytes, words: str, api: Service
) -> None:
    answer = api.client.post("/v1/keys", data=text, headers=everything(api) | JSON)
    found = answer.get_json()
    assert (answer.status_code, found["code"]) == (400, "bad_request")
    assert words in found["detail"]
    assert "Kim" not in found["detail"]
