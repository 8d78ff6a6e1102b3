"""The page for people: nothing inline, nothing from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.factories.services import Service, service
from tests.fixtures.parts import REPOSITORY

STATIC = REPOSITORY / "api" / "static"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Service]:
    with service(tmp_path) as it:
        yield it


@pytest.mark.parametrize("path", ["/", "/?job=" + "0" * 32, "/jobs/" + "0" * 32])
def test_the_page(path: str, api: Service) -> None:
    answer = api.client.get(path)
    assert answer.status_code == 200
    assert answer.mimetype == "text/html"
    assert "research use only" in answer.text.lower()
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]


def test_nothing_inline_and_nothing_from_elsewhere(api: Service) -> None:
    html = api.client.get("/").text
    assert not re.search(r"<script(?![^>]*\bsrc=)", html)
    assert not re.search(r"<style|\sstyle=|\son\w+=", html)
    for text in (html, *(path.read_text() for path in STATIC.glob("page.*"))):
        assert not re.search(r"(?:https?:)?//(?!www\.w3\.org)[\w.]+\.\w+", text)


def test_its_files_are_served(api: Service) -> None:
    for address in re.findall(r'(?:href|src)="(/static/[^"]+)"', api.client.get("/").text):
        answer = api.client.get(address)
        assert answer.status_code == 200, address
        answer.close()


def test_elements_that_the_script_asks_for_exist(api: Service) -> None:
    html = api.client.get("/").text
    script = (STATIC / "page.js").read_text()
    asked = set(re.findall(r'\$\("([\w-]+)"\)', script))
    assert asked
    assert asked <= set(re.findall(r'id="([\w-]+)"', html))
