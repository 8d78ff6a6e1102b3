"""`python -m docs.pictures`: read the demo films, and take pictures of what a user sees."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser

from docs.pictures.browser import find_browser, picture, running_browser
from docs.pictures.terminal import terminal_page
from lungline.cli.demo import DEMO_FILMS
from lungline.cli.findings import Findings, read_findings
from lungline.cli.service import page_address
from lungline.client import JobOptions, LunglineClient, gather
from lungline.settings import load_settings
from lungline.stack import open_stack
from lungline.stack.checkout import find_checkout

HERE = Path(__file__).resolve().parent
PAGE_WIDTH, PAGE_HEIGHT = 1280, 1080
COLOURS = 256
ROUNDS = 4
LARGEST_BYTES = 300_000


def main() -> int:
    """Make the pictures; return the exit status."""
    program = find_browser()
    if program is None:
        print("The pictures need Chromium: install the package `chromium`.", file=sys.stderr)
        return 1
    with (
        tempfile.TemporaryDirectory(prefix="lungline-pictures-") as folder,
        running_browser(program) as browser,
    ):
        settings = load_settings(data_dir=Path(folder), api_port=0)
        with open_stack(settings) as supervisor:
            supervisor.ready.wait()
            url = supervisor.plan.settings.url
            findings, job, film = _read_demo_films(url)
            _take(browser, page_address(url, job), HERE / "page.png", PAGE_WIDTH, PAGE_HEIGHT)
            _take(browser, f"{url}/films/{film}", HERE / "film.png", PAGE_WIDTH, PAGE_HEIGHT)
        html, width, height = terminal_page(findings)
        page = Path(folder, "terminal.html")
        page.write_text(html, encoding="utf-8")
        _take(browser, page.as_uri(), HERE / "terminal.png", width, height)
    return 0


def _read_demo_films(url: str) -> tuple[Findings, str, str]:
    """Read them; return what was found, the job's id, and that of a film with a telling heatmap."""
    with LunglineClient(url) as client:
        films = gather([find_checkout() / DEMO_FILMS]).films
        job = client.submit_films(films, JobOptions(name=f"{len(films)} synthetic demo films"))
        *_, job = client.watch(job.id)
        shown = next(item for item in client.items(job.id) if "bacterial" in item.name)
        with client.results(job.id, "ndjson") as pieces:
            return read_findings(pieces), job.id, shown.id


def _take(browser: Browser, url: str, file: Path, width: int, height: int) -> None:
    """Take a picture, in so few colours that the repository stays small."""
    picture(browser, url, file, width, height)
    with Image.open(file) as taken:
        # Without the rounds a heatmap gets patches of colours that are not there.
        small = taken.convert("RGB").quantize(COLOURS, kmeans=ROUNDS)
    small.save(file, optimize=True)
    size = file.stat().st_size
    if size > LARGEST_BYTES:
        raise SystemExit(f"{file.name} has {size:,} bytes: take fewer colours, or less of the page")
    print(f"{file.relative_to(Path.cwd())}  {width} x {height}, {size:,} bytes")


if __name__ == "__main__":
    sys.exit(main())
