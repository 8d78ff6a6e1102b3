"""/docs shows the whole contract, from this host only and without scripts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.factories.services import Service, service


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Service]:
    with service(tmp_path) as it:
        yield it


def test_it_shows_every_operation_with_its_answers(api: Service) -> None:
    answer = api.client.get("/docs")
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    for path, methods in api.client.get("/openapi.json").get_json()["paths"].items():
        for method, operation in methods.items():
            name = operation["operationId"]
            assert f"<code>{method.upper()} {path}</code>" in answer.text
            section = answer.text.split(f'<section id="{name}"')[1].split("</section>")[0]
            assert set(re.findall(r"<strong>(\d+)</strong>", section)) == set(
                operation["responses"]
            )
            assert "host_not_allowed" in section


def test_it_needs_no_script_and_no_other_host(api: Service) -> None:
    text = api.client.get("/docs").text
    assert "<script" not in text
    assert "style=" not in text
    assert " onclick" not in text
    loaded = re.findall(r'(?:src|href)="([^"]+)"', text)
    assert all(address.startswith(("/", "#")) for address in loaded)
    for address in {address for address in loaded if address.startswith("/static/")}:
        with api.client.get(address) as answer:
            assert answer.status_code == 200
