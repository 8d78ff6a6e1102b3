"""How quick the page is: a job of 10,000 films until it answers, its files, and from film to film.

`python -m benchmarks.page` prints milliseconds, medians over several visits of a fresh browser
beside an idle service on this machine. Films are drawn once and repeated; their rows are real.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page

from docs.pictures.browser import find_browser, running_browser
from lungline.client import LunglineClient
from lungline.settings import load_settings
from lungline.stack import open_stack
from lungline.stack.checkout import find_checkout
from lungline.zipping import zip_stored

FILMS = 10_000
VISITS = 5
SWITCHES = 12
WAIT_MS = 120_000
_INTERACTIVE = "document.querySelectorAll('#rows tr.film').length > 5"
_SWITCH = """async (key) => {
    const title = document.getElementById('title');
    const before = title.textContent;
    const began = performance.now();
    document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
    while (title.textContent === before) await new Promise(requestAnimationFrame);
    await new Promise(requestAnimationFrame);
    return performance.now() - began;
}"""


def main() -> int:
    """Measure, and print; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--films", type=int, default=FILMS)
    films = parser.parse_args().films
    program = find_browser()
    if program is None:
        print("Measuring the page needs Chromium: install the package `chromium`.", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="lungline-page-") as folder:
        settings = load_settings(data_dir=Path(folder), api_port=0)
        with open_stack(settings) as supervisor:
            supervisor.ready.wait()
            url = supervisor.plan.settings.url
            job = _submit(url, films, Path(folder, "films.zip"))
            with running_browser(program) as browser:
                _measure(browser, f"{url}/jobs/{job}", films)
    return 0


def _submit(url: str, count: int, archive: Path) -> str:
    """Submit an archive of so many films, few of which differ, and wait for its end."""
    drawn = [path.read_bytes() for path in sorted(find_checkout().glob("ml/demofilms/films/*.png"))]
    files = ((f"film-{n:05}.png", drawn[n % len(drawn)]) for n in range(count))
    with archive.open("wb") as file:
        file.writelines(zip_stored(files))
    with LunglineClient(url) as client:
        job = client.submit_archive(archive)
        *_, job = client.watch(job.id)
    return job.id


def _measure(browser: Browser, address: str, films: int) -> None:
    visits = [_visit(browser, address, films) for _ in range(VISITS)]
    interactive, whole, size = (statistics.median(column) for column in zip(*visits, strict=True))
    print(f"job of {films:,} films, interactive after  {interactive:7.0f} ms")
    print(f"all of its rows loaded after             {whole:7.0f} ms")
    print(f"the page's own files                     {size / 1000:7.1f} kB as sent")
    page = browser.new_page()
    page.goto(address)
    page.locator("#rows a").first.click()
    page.wait_for_selector(".finding-list", timeout=WAIT_MS)
    page.wait_for_load_state("networkidle")
    switches = []
    for _ in range(SWITCHES):
        switches.append(float(page.evaluate(_SWITCH, "ArrowRight")))
        page.wait_for_load_state("networkidle")
    print(
        f"from film to film, neighbour cached      {statistics.median(switches):7.0f} ms "
        f"(longest {max(switches):.0f})"
    )


def _visit(browser: Browser, address: str, films: int) -> tuple[float, float, float]:
    """Milliseconds until rows are there, until all are, and bytes of the page's own files."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(address, wait_until="commit")
    interactive = _when(page, _INTERACTIVE)
    whole = _when(
        page, f"document.getElementById('films-count').textContent.endsWith('{films:,} films')"
    )
    size = page.evaluate(
        "performance.getEntriesByType('resource').filter(one => one.name.includes('/assets/'))"
        ".reduce((sum, one) => sum + one.transferSize, 0)"
    )
    context.close()
    return interactive, whole, float(size)


def _when(page: Page, condition: str) -> float:
    """Milliseconds since the navigation when a condition first holds."""
    handle = page.wait_for_function(f"() => ({condition}) && performance.now()", timeout=WAIT_MS)
    return float(handle.json_value())


if __name__ == "__main__":
    sys.exit(main())
