"""Headless Chromium, by its command line."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
FLAGS = (
    "--headless",
    *CHROMIUM_FLAGS,
    "--hide-scrollbars",
    # Time stands still while a request is under way, so a slow machine sees the same page.
    "--virtual-time-budget=10000",
)
_SECONDS = 120


def find_browser() -> str | None:
    """Return the browser's program, or None: there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def dump(browser: str, url: str) -> str:
    """Return the document at `url` as it stands once its scripts have run."""
    return _run(browser, "--dump-dom", url).decode()


def picture(browser: str, url: str, file: Path, width: int, height: int) -> None:
    """Write what a window of `width` x `height` pixels shows of `url` as a PNG."""
    _run(browser, f"--screenshot={file}", f"--window-size={width},{height}", url)


def _run(browser: str, *arguments: str) -> bytes:
    with tempfile.TemporaryDirectory(prefix="lungline-browser-") as profile:
        done = subprocess.run(
            [browser, *FLAGS, f"--user-data-dir={profile}", *arguments],
            capture_output=True,
            timeout=_SECONDS,
            check=True,
        )
    return done.stdout
