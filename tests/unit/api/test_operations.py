"""/healthz, /readyz and /metrics."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from api import readiness
from lungline.domain import DEFAULT_TENANT
from tests.factories import films
from tests.factories.services import Service, service


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Service]:
    with service(tmp_path) as it:
        yield it


def samples(api: Service) -> dict[tuple[str, ...], float]:
    """Values by metric name and label values."""
    text = api.client.get("/metrics").text
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_without_a_broker_it_is_degraded_but_ready(api: Service) -> None:
    answer = api.client.get("/readyz")
    assert answer.status_code == 200
    assert answer.get_json() == {
        "status": "degraded",
        "parts": {
            "database": "ok",
            "store": "ok",
            "space": "ok",
            "broker": "down",
            "workers": "ok",
        },
    }


def test_a_crowd_that_asks_costs_one_look(api: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []
    monkeypatch.setattr(readiness, "KEPT_SECONDS", 60.0)
    monkeypatch.setattr(api.parts.store, "check", lambda: looks.append("store"))
    monkeypatch.setattr(api.parts.database, "check", lambda: looks.append("database"))
    for _ in range(20):
        assert api.client.get("/readyz").status_code == 200
    assert sorted(looks) == ["database", "store"]


def test_films_that_nobody_reads_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with service(tmp_path, stall_seconds=0.2) as api:
        api.job(("a.jpg", films.jpeg(1)), ("b.jpg", films.jpeg(2)))
        time.sleep(0.3)
        assert api.client.get("/readyz").get_json()["parts"]["workers"] == "down"
        assert samples(api)["lungline_reading_idle_seconds",] > 0.2

        claims = api.parts.repository.claims
        assert claims.claim("w1", limit=1, lease_seconds=0.01, hard_seconds=60)
        time.sleep(0.05)
        monkeypatch.setattr(readiness, "KEPT_SECONDS", 0.0)
        assert api.client.get("/readyz").get_json()["parts"]["workers"] == "ok"
        assert samples(api)["lungline_reading_idle_seconds",] == 0
        assert samples(api)["lungline_leases_expired",] == 1


def test_without_a_store_it_is_not_ready(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with service(tmp_path, store_dir=tmp_path / "file") as api:
        answer = api.client.get("/readyz")
        assert (answer.status_code, answer.get_json()["code"]) == (503, "part_unavailable")
        assert answer.get_json()["parts"]["store"] == "down"
        assert "store" in answer.get_json()["detail"]
        assert answer.headers["Retry-After"]
        assert api.client.get("/healthz").get_json() == {"status": "ok"}
        assert api.submit(("a.jpg", films.jpeg(1))).status_code == 503
        assert samples(api)["lungline_part_failures_total", "store_unavailable", "api"] == 1


def test_without_a_database_it_is_not_ready(tmp_path: Path) -> None:
    with service(tmp_path, database_url="postgresql://nobody@127.0.0.1:1/none") as api:
        answer = api.client.get("/readyz")
        assert answer.status_code == 503
        assert answer.get_json()["parts"]["database"] == "down"
        assert "workers" not in answer.get_json()["detail"]
        found = samples(api)
        assert found["lungline_part_up", "database"] == 0


def test_a_broker_that_hangs_does_not_hang_readiness(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        with service(tmp_path, broker_url=url, publish_timeout_seconds=0.2) as api:
            assert api.client.get("/readyz").get_json()["status"] == "degraded"


def test_metrics(api: Service) -> None:
    api.job(("a.jpg", films.jpeg(1)), ("b.jpg", films.jpeg(2)), ("c.jpg", b"text"))
    api.client.get("/v1/jobs/" + "0" * 32)
    api.client.get("/somewhere/else")
    found = samples(api)
    assert found["lungline_api_requests_total", "POST", "/v1/jobs", "202"] == 1
    assert found["lungline_api_requests_total", "GET", "/v1/jobs/<job_id>", "404"] == 1
    assert found["lungline_api_requests_total", "GET", "none", "404"] == 1
    assert found["lungline_api_request_seconds_count", "POST", "/v1/jobs"] == 1
    assert found["lungline_jobs", "running"] == 1
    assert found["lungline_jobs", "failed"] == 0
    assert found["lungline_items", "queued"] == 2
    assert found["lungline_items", "failed"] == 1
    assert found["lungline_items_failed", "unsupported_format"] == 1
    assert found["lungline_items_failed", "attempts_exhausted"] == 0
    assert found["lungline_oldest_queued_seconds",] >= 0
    assert found["lungline_part_up", "database"] == 1
    assert found["lungline_part_up", "broker"] == 0
    assert found["lungline_retention_removed_total", "films"] == 0
    assert found["lungline_part_up", "store"] == 1
    assert found["lungline_disk_free_bytes", "object store"] > 0
    assert found["lungline_disk_free_bytes", "database"] > 0
    api.read_all()
    api.parts.repository.database.clock_offset = 2 * 86_400.0
    api.parts.repository.retention.mark(DEFAULT_TENANT, 1.0, 10)
    api.parts.repository.retention.films(api.parts.store)
    found = samples(api)
    assert found["lungline_retention_removed_total", "films"] == 2
    assert found["lungline_items", "succeeded"] == 2
    assert found["lungline_oldest_queued_seconds",] == 0
