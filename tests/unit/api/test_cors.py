"""Pages of listed origins may call the API; those of all others still may not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lungline.errors import ConfigurationError
from lungline.settings import load_settings
from tests.factories import films
from tests.factories.services import Service, service

LISTED = "https://app.example"
ALSO = "http://localhost:5173"
ALLOW = "Access-Control-Allow-Origin"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Service]:
    with service(tmp_path, cors_origins=f"{LISTED}, {ALSO}") as it:
        yield it


@pytest.mark.parametrize("origin", [LISTED, ALSO])
def test_a_listed_origin_may_read_and_submit(origin: str, api: Service) -> None:
    headers = {"Origin": origin, "Sec-Fetch-Site": "cross-site"}
    made = api.client.post("/v1/jobs", data=films.jpeg(1), headers=headers)
    assert made.status_code == 202
    for path in ("/v1/jobs", made.headers["Location"], "/v1/nothing"):
        answer = api.client.get(path, headers=headers)
        assert answer.headers[ALLOW] == origin
        assert "Origin" in answer.headers["Vary"]
        assert {"ETag", "Link"} <= set(answer.headers["Access-Control-Expose-Headers"].split(", "))
        assert "Access-Control-Allow-Credentials" not in answer.headers


def test_a_listed_origin_may_ask_before(api: Service) -> None:
    headers = {"Origin": LISTED, "Access-Control-Request-Method": "POST"}
    answer = api.client.options("/v1/jobs", headers=headers)
    assert (answer.status_code, answer.headers[ALLOW]) == (204, LISTED)
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert "Idempotency-Key" in answer.headers["Access-Control-Allow-Headers"]


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "https://app.example.evil.example", "null", f"{LISTED}:99"]
)
def test_others_stay_outside(origin: str, api: Service) -> None:
    headers = {"Origin": origin, "Sec-Fetch-Site": "cross-site"}
    refused = api.client.post("/v1/jobs", data=films.jpeg(1), headers=headers)
    assert (refused.status_code, refused.get_json()["code"]) == (403, "cross_site")
    preflight = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    for answer in (
        refused,
        api.client.get("/v1/jobs", headers=headers),
        api.client.options("/v1/jobs", headers=preflight),
    ):
        assert ALLOW not in answer.headers
        assert "Access-Control-Allow-Methods" not in answer.headers


def test_nothing_is_allowed_by_default(tmp_path: Path) -> None:
    with service(tmp_path) as api:
        answer = api.client.get("/v1/jobs", headers={"Origin": LISTED})
        assert ALLOW not in answer.headers
        assert "Origin" not in answer.headers.get("Vary", "")


@pytest.mark.parametrize(
    "listed", ["*", "null", "app.example", "https://app.example/", "ftp://x", "https://a b"]
)
def test_what_is_no_origin_is_refused_at_the_start(listed: str) -> None:
    with pytest.raises(ConfigurationError, match="LUNGLINE_CORS_ORIGINS"):
        load_settings(cors_origins=listed)
