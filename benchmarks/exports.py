"""Pictures of many items as a zip: what memory that takes, streamed and in the background.

`make bench-exports` prints, last, one line of JSON: for each kind of picture the MiB by which the
peak memory of the process grows, for few items and for many; `stream_` is a zip as the API sends
it, `export_` one that an expander puts into the store. All items have the same small film and mask.
"""

from __future__ import annotations

import json
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from sqlalchemy import update

from benchmarks.copies import copy_item
from benchmarks.memory import MIB, OwnPeak
from lungline.domain import DEFAULT_TENANT, ExportFormat
from lungline.settings import Settings
from lungline.telemetry import configure_logging
from lungline.zipping import zip_stored
from storage.bundles import Bundles
from storage.models import JobRow
from storage.results.picture_files import PICTURE_OF, PICTURE_SIDE, picture_files
from storage.results.pictures import Pictures
from tests.factories import films
from tests.factories.rows import a_prediction, read_all
from tests.factories.work import Desk, exporter, make_settings, migrate
from workers.export import export_results
from workers.parts import Parts

STREAMED = 10_000
"""Items of the largest zip that streams."""
console = Console(stderr=True)


def main(
    few: Annotated[int, typer.Option(help="Items of the small job.")] = 1_000,
    many: Annotated[int, typer.Option(help="Items of the large job.")] = 20_000,
) -> None:
    """Measure, and print the figures."""
    print(json.dumps(measure(few, many)))


def measure(few: int, many: int) -> dict[str, float]:
    """Make zips of jobs of few and of many items."""
    figures = {}
    for count in (few, many):
        with tempfile.TemporaryDirectory(prefix="lungline-exports-") as name:
            settings = make_settings(Path(name))
            migrate(settings)
            job_id = _read_job(settings, count)
            for form in (ExportFormat.MASKS, ExportFormat.OVERLAYS):
                for way, make in (("stream", _stream), ("export", _export)):
                    growth = _in_a_process(make, settings, job_id, form)
                    figures[f"{way}_{form}_{count}_mb"] = growth
    return figures


def _read_job(settings: Settings, count: int) -> str:
    """A job of `count` items that were read, all with one film and one mask."""
    desk = Desk(settings)
    try:
        job = desk.submit([films.jpeg(1)])
        desk.store.put(str(a_prediction().mask_key), films.png8(2))
        read_all(desk.repository)
        with desk.database.write() as connection:
            copy_item(connection, count - 1)
            change = update(JobRow).where(JobRow.id == job.id)
            connection.execute(change.values(total=count, succeeded=count))
        return job.id
    finally:
        desk.close()


def _in_a_process(
    make: Callable[[Parts, str, ExportFormat], int],
    settings: Settings,
    job_id: str,
    form: ExportFormat,
) -> float:
    context = multiprocessing.get_context("spawn")
    told = context.SimpleQueue()
    process = context.Process(target=_grow, args=(make, settings, job_id, form, told))
    process.start()
    process.join()
    if process.exitcode:
        raise RuntimeError("an export of the benchmark failed")
    return float(told.get())


def _grow(
    make: Callable[[Parts, str, ExportFormat], int],
    settings: Settings,
    job_id: str,
    form: ExportFormat,
    told: Any,
) -> None:
    configure_logging(settings.model_copy(update={"log_level": "WARNING"}), "benchmark")
    with exporter(settings) as parts:
        parts.repository.expansions.waiting()  # connected
        parts.store.check()
        peak, started = OwnPeak(), time.perf_counter()
        size = make(parts, job_id, form)
        growth = peak.growth_mb()
        seconds = time.perf_counter() - started
    console.print(
        f"{make.__name__.strip('_')} of {form}: {size / MIB:.1f} MiB in {seconds:.1f} s, "
        f"{growth:.1f} MiB above idle",
        style="dim",
    )
    told.put(round(growth, 1))


def _stream(parts: Parts, job_id: str, form: ExportFormat) -> int:
    """Make a zip as the API streams it."""
    bundles = Bundles(parts.repository.database, parts.settings)
    drawing = Pictures(parts.store, parts.settings.max_film_pixels, bundles, parts.drawers)
    items = parts.repository.items.run(DEFAULT_TENANT, job_id, 0, STREAMED)
    files = picture_files(items, drawing.pencil(PICTURE_OF[form], PICTURE_SIDE))
    return sum(map(len, zip_stored(files)))


def _export(parts: Parts, job_id: str, form: ExportFormat) -> int:
    """Make a zip as an expander does."""
    exports = parts.repository.exports
    asked = exports.create(DEFAULT_TENANT, job_id, form, 3_600.0)
    export_results(parts)
    made = exports.get(DEFAULT_TENANT, asked.id)
    if made.size is None:
        raise RuntimeError(f"the export was not made: {made.status}, {made.error_code}")
    return made.size


if __name__ == "__main__":
    typer.run(main)
