"""The page for people, in a real browser over the whole service."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

import pytest

from docs.pictures.browser import dump, find_browser
from tests.factories import films
from tests.factories.whole import Whole, whole_service
from tests.fixtures.parts import missing_part
from tests.fixtures.valkey import ValkeyServer

pytestmark = pytest.mark.integration

UNKNOWN = "0" * 32


@pytest.fixture(scope="module")
def browser() -> str:
    return find_browser() or missing_part("Chromium", "install the package `chromium`")


@pytest.fixture(scope="module")
def service(
    browser: str, valkey: ValkeyServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Whole]:
    with whole_service(tmp_path_factory.mktemp("page"), valkey) as running:
        yield running


@pytest.fixture(scope="module")
def job(service: Whole) -> str:
    """A job of three good films and a bad one."""
    good = {f"폐렴-{number}.jpg": films.jpeg(number) for number in range(3)}
    return str(service.finished(service.send_form(good | {"<b>.jpg": b"text"}))["id"])


def visible(dom: str, element: str) -> bool:
    (tag,) = re.findall(rf'<[^>]* id="{element}"[^>]*>', dom)
    return " hidden" not in tag


def test_a_job_is_shown_with_pictures_findings_and_reasons(
    browser: str, service: Whole, job: str
) -> None:
    dom = dump(browser, f"{service.server.settings.url}/jobs/{job}")

    (films_shown,) = re.findall(r'<ul id="films".*?<p id="no-films"', dom, re.DOTALL)
    cards = films_shown.split('<li class="card"')[1:]
    names = [unescape(re.findall(r'class="name">([^<]*)<', card)[0]) for card in cards]
    assert names == ["폐렴-0.jpg", "폐렴-1.jpg", "폐렴-2.jpg", "<b>.jpg"]
    for card in cards[:3]:
        assert re.search(r'<img[^>]* src="/v1/items/[0-9a-f]{32}/overlay\?size=480"', card)
        assert "bacterial pneumonia" in card
        assert "Research use only" in card
    assert "(unsupported_format)" in cards[3]
    assert "<img" not in cards[3]
    assert "completed with errors" in dom
    assert "3 of 4 read" in dom
    assert not visible(dom, "problem")
    assert not visible(dom, "submit")


def test_an_unknown_job_is_told_and_no_empty_one_shown(browser: str, service: Whole) -> None:
    dom = dump(browser, f"{service.server.settings.url}/jobs/{UNKNOWN}")

    assert visible(dom, "problem")
    assert UNKNOWN in re.findall(r'id="problem"[^>]*>([^<]*)<', dom)[0]
    assert not visible(dom, "job")


def test_the_front_takes_films_and_lists_jobs(browser: str, service: Whole, job: str) -> None:
    dom = dump(browser, f"{service.server.settings.url}/")

    assert visible(dom, "submit")
    assert visible(dom, "recent")
    assert f'href="/?job={job}"' in dom
    assert not visible(dom, "problem")
