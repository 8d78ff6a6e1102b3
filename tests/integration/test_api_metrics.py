"""Metrics of an API of several processes: whichever is asked tells what all have answered."""

from __future__ import annotations

from pathlib import Path

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.factories.servers import Server, running_server

pytestmark = pytest.mark.integration

ASKED = 20
ROUTE = {"method": "GET", "route": "/v1/limits", "status": "200"}


def test_any_process_tells_the_requests_of_all_and_leaves_no_file(tmp_path: Path) -> None:
    with running_server(tmp_path, api_processes=2) as server:
        for _ in range(ASKED):
            httpx.get(f"{server.settings.url}/v1/limits").raise_for_status()

        told = [requests(httpx.get(f"{server.settings.url}/metrics").text) for _ in range(10)]

        assert told == [ASKED] * 10
        folders = folders_of_counts(server)
        assert all(folder.is_dir() for folder in folders)
        assert server.stop() == 0
    assert not any(folder.exists() for folder in folders)


def requests(text: str) -> float:
    """How many requests of the route were answered."""
    (value,) = [
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "lungline_api_requests_total" and sample.labels == ROUTE
    ]
    return value


def folders_of_counts(server: Server) -> set[Path]:
    """Where the processes count."""
    children = psutil.Process(server.process.pid).children()
    paths = {Path(each.path) for child in children for each in child.memory_maps()}
    folders = {path.parent for path in paths if path.parent.name.startswith("lungline-metrics-")}
    assert len(folders) == 1
    return folders
