"""Headless Chromium, and pictures of pages that have all they show."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WAIT_MS = 120_000
# A thumbnail begins to load when its row is drawn, so the network alone does not tell.
_WHOLE = """() => {
    const seen = [...document.images].filter((image) => {
        const box = image.getBoundingClientRect();
        return box.bottom > 0 && box.top < innerHeight && box.width > 0;
    });
    return document.fonts.status === 'loaded'
        && !document.querySelector('.loading:not([hidden])')
        && seen.every((image) => image.complete && image.naturalWidth > 0);
}"""


def find_browser() -> str | None:
    """Return the browser's program, or None: there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@contextmanager
def running_browser(program: str) -> Iterator[Browser]:
    """Start the browser; it is gone afterwards."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(CHROMIUM_FLAGS))
        yield browser
        browser.close()


def picture(browser: Browser, url: str, file: Path, width: int, height: int) -> None:
    """Write what a window of `width` x `height` pixels shows of `url` as a PNG, once it is whole.

    Raises:
        playwright.sync_api.TimeoutError: A picture or a font of the page does not come.
    """
    page = browser.new_page(viewport={"width": width, "height": height}, locale="en-GB")
    page.set_default_timeout(WAIT_MS)
    page.goto(url, wait_until="networkidle")
    page.wait_for_function(_WHOLE)
    page.screenshot(path=file)
    page.close()
