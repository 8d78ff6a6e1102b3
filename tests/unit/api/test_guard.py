"""Other web sites are kept out."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.guard import allowed_names, host_allowed
from lungline.settings import Settings
from tests.factories.services import service, settings


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("127.0.0.1:8570", True),
        ("localhost", True),
        ("LOCALHOST:1", True),
        ("[::1]:8570", True),
        ("10.1.2.3", True),
        ("films.hospital.example:443", True),
        ("api", True),
        ("evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("localhost.evil.example", False),
        ("", False),
        ("[::1", False),
    ],
)
def test_host_names(host: str, allowed: bool) -> None:
    made = Settings(url="https://films.hospital.example", allowed_hosts="api, Other")
    assert host_allowed(host, allowed_names(made)) is allowed


def test_any_host_can_be_allowed() -> None:
    assert host_allowed("evil.example", allowed_names(Settings(allowed_hosts="*")))


def test_a_strange_host_is_refused(tmp_path: Path) -> None:
    with service(tmp_path) as it:
        for path in ("/v1/jobs", "/", "/static/page.js"):
            answer = it.client.get(path, headers={"Host": "evil.example"})
            assert (answer.status_code, answer.get_json()["code"]) == (421, "host_not_allowed")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 400),  # empty body: it came through
        ({"Origin": "http://localhost"}, 400),
        ({"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}, 400),
        ({"Sec-Fetch-Site": "none"}, 400),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost:99"}, 403),
        ({"Origin": "http://localhost", "Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_posts_of_other_sites(headers: dict[str, str], status: int, tmp_path: Path) -> None:
    with service(tmp_path) as it:
        answer = it.client.post("/v1/jobs", headers=headers)
        assert answer.status_code == status
        assert it.client.get("/v1/jobs").get_json()["items"] == []


def test_pages_of_other_sites_read_nothing(tmp_path: Path) -> None:
    with service(tmp_path) as it:
        headers = it.client.get("/").headers
        assert "Access-Control-Allow-Origin" not in headers
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"


def test_settings_name_the_service(tmp_path: Path) -> None:
    assert "localhost" in allowed_names(settings(tmp_path))
