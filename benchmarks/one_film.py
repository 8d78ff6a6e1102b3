"""One film in one call, from its bytes to its finding: `make bench-one`.

`POST /v1/jobs` with `Prefer: wait` on an idle service, beside the bare pipeline in this process:
the same films, one after the other, each in turn by both. Prints, last, one line of JSON with
`one_film_vs_bare`: the median time of the call, as a multiple of the bare pipeline's.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.console import Console

from benchmarks.films import write_films
from benchmarks.stack import supervised_stack
from lungline.bundles import find_bundle
from lungline.settings import load_settings
from ml.analyzer import Analyzer, Reading

WAIT_SECONDS = 30
console = Console(stderr=True)


def main(films: Annotated[int, typer.Option(help="Films; the figure is a median.")] = 50) -> None:
    """Measure, and print the figure."""
    settings = load_settings()
    bundle = find_bundle(settings.bundles_dir, settings.bundle)
    analyzer = Analyzer.load(bundle.path, "openvino", precision=settings.precision)
    bare, called = [], []
    with tempfile.TemporaryDirectory(prefix="lungline-one-") as name:
        folder = Path(name)
        first, *paths = write_films(folder / "films", films + 1, seed=5)
        with (
            supervised_stack(settings, folder / "data") as supervisor,
            httpx.Client(base_url=supervisor.plan.settings.url, timeout=2 * WAIT_SECONDS) as http,
        ):
            for path in (first, *paths):  # the first pays for what is set up lazily
                film = path.read_bytes()
                bare.append(_bare_seconds(analyzer, film))
                called.append(_call_seconds(http, film))
    middle = statistics.median(bare[1:]), statistics.median(called[1:])
    console.print(f"bare {middle[0] * 1000:.0f} ms, in one call {middle[1] * 1000:.0f} ms")
    print(json.dumps({"one_film_vs_bare": round(middle[1] / middle[0], 3)}))


def _bare_seconds(analyzer: Analyzer, film: bytes) -> float:
    began = time.perf_counter()
    (reading,) = analyzer.read([film])
    if not isinstance(reading, Reading):
        raise RuntimeError("a film of the benchmark could not be read")
    return time.perf_counter() - began


def _call_seconds(http: httpx.Client, film: bytes) -> float:
    began = time.perf_counter()
    answer = http.post(
        "/v1/jobs",
        content=film,
        params={"priority": "interactive"},
        headers={"Content-Type": "image/png", "Prefer": f"wait={WAIT_SECONDS}"},
    )
    seconds = time.perf_counter() - began
    if answer.status_code != httpx.codes.OK:
        raise RuntimeError(f"no finding in time: {answer.status_code} {answer.text}")
    return seconds


if __name__ == "__main__":
    typer.run(main)
