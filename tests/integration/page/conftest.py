"""One stack for all tests of the page: the shipped bundle, and films that it has read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.factories import films
from tests.factories.whole import Whole, whole_service
from tests.fixtures.browser import Visitor
from tests.fixtures.browser import chromium as chromium
from tests.fixtures.parts import REPOSITORY, SHARED_DATA
from tests.fixtures.valkey import ValkeyServer

DEMO = REPOSITORY / "ml" / "demofilms" / "films"
WIDTHS = {1280: ("light", 900), 390: ("dark", 844)}


def some_films() -> dict[str, bytes]:
    """Real films where there are some, synthetic ones of the project otherwise."""
    real = SHARED_DATA / "paediatric_hires"
    paths = sorted(real.rglob("*.jpg"))[:5] if real.exists() else []
    return {path.name: path.read_bytes() for path in paths or sorted(DEMO.glob("*.png"))[:5]}


@pytest.fixture(scope="session")
def stack(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    folder: Path = tmp_path_factory.mktemp("page")
    valkey = ValkeyServer(tmp_path_factory.mktemp("valkey"))
    valkey.start()
    try:
        with whole_service(folder, valkey, bundles=REPOSITORY / "ml" / "bundles") as running:
            yield running
    finally:
        valkey.stop()


@pytest.fixture(scope="session")
def job(stack: Whole) -> dict[str, Any]:
    """A job of five good films, one twice, and two bad ones."""
    good = some_films()
    again = {"again-폐렴.jpg": next(iter(good.values()))}
    bad = {"<b>.jpg": b"text", "cut.jpg": films.jpeg(7)[:200]}
    return stack.finished(stack.send_form(good | again | bad))


@pytest.fixture(params=WIDTHS, ids=lambda width: f"{width}px")
def visitor(request: pytest.FixtureRequest, chromium: Browser, stack: Whole) -> Iterator[Visitor]:
    """Somebody with a wide, light screen, and somebody with a narrow, dark one."""
    scheme, height = WIDTHS[request.param]
    context = chromium.new_context(
        base_url=stack.server.settings.url,
        viewport={"width": request.param, "height": height},
        color_scheme=scheme,  # type: ignore[arg-type]
        locale="en-GB",
    )
    found = Visitor(context.new_page())
    found.watch()
    yield found
    context.close()
