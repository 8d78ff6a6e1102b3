"""No secret stands in anything that is written: logs at DEBUG, error bodies, metrics.

A real service is used as it is meant to be, and as it is not; then all that it wrote is searched
for every secret that went in or came out.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from lungline.domain import DEFAULT_TENANT, Scope
from lungline.settings import Settings
from storage.database import Database
from tests.factories import archives, films
from tests.factories.servers import Server, running_server
from tests.factories.worker_processes import WorkerProcesses, wait_for
from tests.fixtures.valkey import ValkeyServer

pytestmark = pytest.mark.integration

BROKER_PASSWORD, DATABASE_PASSWORD = "planted-broker-pw", "planted-database-pw"
LINK_KEY, IDENTITY_KEY = "planted-link-key-of-the-service", "planted-identity-key"
URL_TOKEN = "planted-token-in-a-webhook-address"
WRONG_KEY = f"lungline_{'0a' * 16}_{'planted-wrong-key' * 3}"
S3_FIELDS = ("s3_bucket", "s3_endpoint_url", "s3_region", "s3_access_key", "s3_secret_key")
SAME = {"Sec-Fetch-Site": "same-origin"}


@dataclass
class Written:
    """All that went in or came out as a secret, and all that was written."""

    secrets: dict[str, str] = field(default_factory=dict)
    answers: list[httpx.Response] = field(default_factory=list)

    def secret(self, name: str, value: str) -> str:
        assert len(value) > 15, name
        self.secrets[name] = value
        return value

    def told(self, answer: httpx.Response, *statuses: int) -> httpx.Response:
        """Keep an answer that must hold no secret."""
        assert answer.status_code in statuses, answer.text
        self.answers.append(answer)
        return answer


@pytest.fixture(scope="module")
def broker_url(valkey: ValkeyServer) -> str:
    """A broker that wants a password."""
    with valkey.client() as client:
        client.config_set("requirepass", BROKER_PASSWORD)
    return valkey.url.replace("redis://", f"redis://:{BROKER_PASSWORD}@")


@pytest.fixture(params=["sqlite, local", "postgresql, s3"])
def changes(
    request: pytest.FixtureRequest, broker_url: str, postgres_url: str, s3_settings: Settings
) -> dict[str, Any]:
    """Settings with a secret wherever one can be."""
    common = {
        "auth": "keys",
        "log_level": "DEBUG",
        "broker_url": broker_url,
        "link_key": LINK_KEY,
        "identity_key": IDENTITY_KEY,
        "webhook_networks": "127.0.0.0/8",
        "sweep_interval_seconds": 0.5,
    }
    if request.param.startswith("sqlite"):
        return common
    return common | {
        "store": "s3",
        "database_url": postgres_url.replace("postgres@", f"postgres:{DATABASE_PASSWORD}@"),
        **{name: getattr(s3_settings, name) for name in S3_FIELDS},
    }


def test_no_secret_is_written_anywhere(changes: dict[str, Any], tmp_path: Path) -> None:
    written = Written()
    with (
        running_server(tmp_path, **changes) as server,
        WorkerProcesses(server.settings) as workers,
        receiver() as hook,
    ):
        workers.start("expand", "control", "beat")
        key, admin = keys(server, written)
        jobs(server, written, key)
        webhooks(server, written, key, hook)
        session(server, written, key)
        failures(server, written, key, admin)
        written.told(server.http.get("/metrics", headers=admin), 200)
        logs = [server.log, *map(workers.log, ("expand", "control", "beat"))]
    known = server.settings
    for name in ("s3_secret_key", "link_key", "identity_key"):
        if (value := getattr(known, name)) is not None:
            written.secrets[name] = value.get_secret_value()
    written.secret("broker", BROKER_PASSWORD)
    written.secret("database", DATABASE_PASSWORD)

    texts = {log.name: log.read_text() for log in logs}
    assert all(texts.values())
    assert '"level": "debug"' in texts["api.log"]
    assert "request_crashed" in texts["api.log"]
    for number, answer in enumerate(written.answers):
        texts[f"answer {number}: {answer.status_code}"] = answer.text + str(answer.headers)
    found = [
        (place, name)
        for place, words in texts.items()
        for name, secret in written.secrets.items()
        if secret in words
    ]
    assert found == []
    assert len(written.secrets) >= 12


def keys(server: Server, written: Written) -> tuple[dict[str, str], dict[str, str]]:
    """Make keys, one of them over HTTP; try wrong ones."""
    made = server.repository.keys.create(DEFAULT_TENANT, name="admin", scopes=list(Scope))
    admin = bearer(made.token)
    written.secret("admin key", made.token.split("_", 2)[2])
    answer = server.http.post("/v1/keys", json={"name": "ward"}, headers=admin)
    token = answer.raise_for_status().json()["key"]
    written.secret("key", token.split("_", 2)[2])
    written.secret("wrong key", WRONG_KEY.split("_", 2)[2])
    for wrong in (bearer(WRONG_KEY), bearer(token[:-1] + "?"), {"Authorization": f"Basic {token}"}):
        written.told(server.http.get("/v1/jobs", headers=wrong), 401)
    written.told(server.http.get("/v1/jobs", params={"key": token}), 401)
    return bearer(token), admin


def jobs(server: Server, written: Written, key: dict[str, str]) -> None:
    """Upload an archive by links, fetch an export by one; spoil the links."""
    data = archives.zip_of_films(3)
    wanted = {"filename": "films.zip", "size": len(data)}
    upload = server.http.post("/v1/uploads", json=wanted, headers=key).raise_for_status().json()
    link = upload["part_links"]["items"][0]["url"]
    signature = written.secret("signature of a part", signature_of(link))
    if link.startswith("/"):
        spoilt = link.replace(signature, signature[::-1])
        written.told(server.http.put(spoilt, content=data), 403)
        written.told(server.http.put(link.replace("expires=", "expires=1"), content=data), 403)
        written.told(server.http.put(link, content=data[:-1]), 422)
        written.told(server.http.get(link), 405)
    server.http.put(link, content=data).raise_for_status()
    server.http.post(upload["links"]["complete"], headers=key).raise_for_status()
    sent = server.http.post("/v1/jobs", json={"upload": upload["id"]}, headers=key)
    job = sent.raise_for_status().json()
    at = job["links"]["self"]
    wait_for(lambda: server.http.get(at, headers=key).json()["counts"]["queued"] == 3)
    written.told(server.http.post(f"{at}/cancel", headers=key), 200, 202)
    wait_for(lambda: server.http.get(at, headers=key).json()["status"] == "cancelled")
    asked = server.http.post(f"{at}/exports", json={"format": "csv"}, headers=key)
    export = asked.raise_for_status().json()["links"]["self"]
    wait_for(lambda: server.http.get(export, headers=key).json()["url"] is not None)
    url = server.http.get(export, headers=key).json()["url"]
    signature = written.secret("signature of an export", signature_of(url))
    server.http.get(url).raise_for_status()
    if url.startswith("/"):
        written.told(server.http.get(url.replace(signature, signature[::-1])), 403)


def webhooks(server: Server, written: Written, key: dict[str, str], hook: HTTPServer) -> None:
    """Let messages be carried to an address that is a secret by itself."""
    written.secret("address of a webhook", URL_TOKEN)
    url = f"http://127.0.0.1:{hook.server_port}/{URL_TOKEN}?token={URL_TOKEN}"
    made = server.http.post("/v1/webhooks", json={"url": url}, headers=key).raise_for_status()
    written.secret("webhook", made.json()["secret"].removeprefix("whsec_"))
    at = f"/v1/webhooks/{made.json()['id']}"
    for _ in range(2):  # the first gets a 500
        written.told(server.http.post(f"{at}/ping", headers=key), 202)
    rotated = server.http.post(f"{at}/rotate", headers=key).raise_for_status()
    written.secret("rotated webhook", rotated.json()["secret"].removeprefix("whsec_"))
    signatures: list[str] = hook.signatures  # type: ignore[attr-defined]
    wait_for(lambda: len(signatures) >= 2)
    written.secret("signature of a message", signatures[-1].split(",")[-1])
    nowhere = f"http://127.0.0.1:1/{URL_TOKEN}"
    server.http.post("/v1/webhooks", json={"url": nowhere}, headers=key).raise_for_status()
    refused = {"url": f"ftp://user:{DATABASE_PASSWORD}@127.0.0.1/{URL_TOKEN}"}
    written.told(server.http.post("/v1/webhooks", json=refused, headers=key), 422)


def session(server: Server, written: Written, key: dict[str, str]) -> None:
    """Sign in with a good key and a wrong one; use the cookie, good and spoilt."""
    token = key["Authorization"].removeprefix("Bearer ")
    signed = server.http.post("/sign-in", data={"key": token}, headers=SAME)
    cookie = signed.cookies["lungline_session"]
    written.secret("session", cookie.rpartition(".")[2])
    server.http.cookies.clear()
    written.told(server.http.post("/sign-in", data={"key": WRONG_KEY}, headers=SAME), 401)
    with_it = {"Cookie": f"lungline_session={cookie}"}
    for path in ("/", "/v1/jobs"):
        written.told(server.http.get(path, headers=with_it), 200)
    written.told(server.http.get("/v1/jobs", headers={"Cookie": with_it["Cookie"] + "0"}), 401)
    written.told(
        server.http.post("/v1/jobs", headers=with_it | {"Sec-Fetch-Site": "cross-site"}), 403
    )


def failures(server: Server, written: Written, key: dict[str, str], admin: dict[str, str]) -> None:
    """What is not there, not valid, no HTTP; and what fails inside, with secrets at hand."""
    written.told(server.http.get("/v1/nothing", headers=key), 404)
    written.told(server.http.get(f"/v1/jobs/{'0' * 32}", headers=key), 404)
    written.told(server.http.get("/v1/jobs", params={"limit": "x"}, headers=key), 422)
    written.told(server.http.delete("/v1/jobs", headers=key), 405)
    written.told(
        server.http.post("/v1/jobs", content=films.text_named_jpg(), headers=key), 422, 415
    )
    token = key["Authorization"].removeprefix("Bearer ")
    for raw in (
        f"GET /{token}",
        f"G\x01T /?key={token} HTTP/1.1",
        f"GET / HTTP/1.1\r\n{token}: \x00",
    ):
        with socket.create_connection(server.address, timeout=60) as connection:
            connection.sendall(raw.encode() + b"\r\n\r\n")
            connection.shutdown(socket.SHUT_WR)
            connection.recv(65536)  # gunicorn quotes what is no HTTP, to who sent it
    database = Database(server.settings.sqlalchemy_url)
    for table, path, body in (
        ("webhooks", "/v1/webhooks", {"url": f"http://127.0.0.1:1/{URL_TOKEN}"}),
        ("api_keys", "/v1/keys", {"name": "ward"}),
    ):
        # The statement that fails has the secret, or its hash, among its parameters.
        with database.write() as connection:
            connection.execute(text(f"ALTER TABLE {table} RENAME TO gone"))
        written.told(server.http.post(path, json=body, headers=admin), 500)
        with database.write() as connection:
            connection.execute(text(f"ALTER TABLE gone RENAME TO {table}"))
    database.dispose()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def signature_of(link: str) -> str:
    found = re.search(r"(?i)signature=([0-9a-f]+)", link)
    assert found is not None
    return found[1]


@contextmanager
def receiver() -> Iterator[HTTPServer]:
    """Receives messages; the first gets a 500."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            signatures.append(self.headers["webhook-signature"])
            self.send_response(500 if len(signatures) == 1 else 204)
            self.end_headers()

        def log_message(self, *words: Any) -> None:
            """Keep quiet."""

    signatures: list[str] = []
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.signatures = signatures  # type: ignore[attr-defined]
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()
