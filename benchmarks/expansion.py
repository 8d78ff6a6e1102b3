"""Archives out of the S3 store into films, against a plain loop, and what memory that takes.

The memory is that of the expander's process: its peak while it expands, above what it held when it
was ready and idle. Archives of three sizes and one of tiny entries must all stay near each other;
so must one of tiny entries with a manifest that has a line for each, in another order.
"""

from __future__ import annotations

import json
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from rich.console import Console
from sqlalchemy import func, literal, select

from benchmarks.memory import MIB, OwnPeak
from benchmarks.packed_films import copy_entries, store, write_films
from benchmarks.queue import migrated, queue_servers
from lungline.domain import DEFAULT_TENANT, JobStatus, Priority, new_id
from lungline.queueing import make_celery
from lungline.settings import Settings
from lungline.telemetry import configure_logging
from storage.jobs import Job
from storage.models import ItemRow
from storage.repository import Repository
from tests.factories.archives import tiny_entries_zip
from tests.fixtures.seaweedfs import SeaweedServer
from workers.analyzers import Analyzers
from workers.expand import expand_archive
from workers.parts import build_parts

TURNS = 2
console = Console(stderr=True)


@dataclass(frozen=True, slots=True)
class Sizes:
    """What is expanded.

    Attributes:
        films: Entries of the archive that is timed.
        few_films: Of a smaller one, in which all differ too.
        many_films: Of a larger one, a film set repeated.
        distinct: Films of that set.
        tiny_entries: Entries of the archive of tiny ones.
    """

    films: int = 7_000
    few_films: int = 1_700
    many_films: int = 35_000
    distinct: int = 350
    tiny_entries: int = 1_000_000


def measure(sizes: Sizes) -> dict[str, float]:
    """Give `expand_vs_copy`, and `expander_growth_mb`: the largest growth of all archives, MiB."""
    with _servers() as settings, migrated(settings) as repository:
        ratio, growth = _against_copying(settings, repository, sizes.films)
        growths = [growth]
        for name, count, distinct in (
            ("few films", sizes.few_films, sizes.few_films),
            ("a repeated film set", sizes.many_films, sizes.distinct),
        ):
            growths.append(_expand(settings, repository, name, write_films(count, distinct))[1])
        # Larger slices, for most of the time would go into commits.
        tiny = settings.model_copy(update={"expand_slice": 2_000})
        growths.append(_expand(tiny, repository, "tiny", _tiny(sizes.tiny_entries))[1])
    return {"expand_vs_copy": round(ratio, 3), "expander_growth_mb": round(max(growths), 1)}


def measure_manifests(lines: int) -> dict[str, float]:
    """Expand archives with a manifest of so many lines, a CSV and an NDJSON.

    Returns:
        `manifest_growth_mb`: the larger growth of the expander, MiB; `manifest_lines_per_second`:
        the lower rate.

    Raises:
        RuntimeError: What the manifest said did not come back with each item.
    """
    growths, rates = [], []
    with _servers() as settings, migrated(settings) as repository:
        large = settings.model_copy(update={"expand_slice": 2_000})
        for name, line in (("csv", _csv_line), ("ndjson", _ndjson_line)):
            key = f"{name}/uploads/{new_id()}"
            manifest = key, store(settings, key, _manifest(lines, line))
            write = _tiny(lines, b".png")
            seconds, growth = _expand(
                large, repository, f"{lines:,} lines of {name}", write, name, manifest
            )
            _check_said(repository, name, lines)
            growths.append(growth)
            rates.append(lines / seconds)
    return {
        "manifest_growth_mb": round(max(growths), 1),
        "manifest_lines_per_second": round(min(rates), 1),
    }


def _csv_line(number: int) -> str:
    return f"{number:07}.png,id-{number:07},{number % 30}"


def _ndjson_line(number: int) -> str:
    said = {"name": f"{number:07}.png", "external_id": f"id-{number:07}"}
    return json.dumps(said | {"metadata": {"ward": str(number % 30)}})


def _manifest(lines: int, line: Callable[[int], str]) -> Callable[[BinaryIO], None]:
    """What writes a manifest of an archive from its last entry to its first."""

    def write(target: BinaryIO) -> None:
        if line is _csv_line:
            target.write(b"name,external_id,ward\n")
        for number in reversed(range(lines)):
            target.write(line(number).encode() + b"\n")

    return write


def _check_said(repository: Repository, tenant: str, lines: int) -> None:
    own = literal("id-").op("||")(func.substr(ItemRow.name, 1, 7)) == ItemRow.external_id
    said = ItemRow.client_metadata["ward"].as_string().is_not(None)
    query = select(func.count()).where(ItemRow.tenant == tenant, own, said)
    with repository.database.read() as connection:
        found = connection.execute(query).scalar_one()
    if found != lines:
        raise RuntimeError(f"{lines - found} items came back without what the manifest says")


def _against_copying(settings: Settings, repository: Repository, films: int) -> tuple[float, float]:
    """Copy and expand the same archive in turn; give the ratio of the rates, and the growth."""
    key = f"reference/{new_id()}"
    store(settings, key, write_films(films, films))
    copied, expanded, growths = [], [], []
    for turn in range(TURNS):
        started = time.perf_counter()
        copy_entries(settings, key, f"copies-{turn}")
        copied.append(time.perf_counter() - started)
        console.print(f"{films} entries copied in {copied[-1]:.1f} s", style="dim")
        # A tenant for each turn, or all films would be there already.
        seconds, growth = _expand(
            settings, repository, "films", write_films(films, films), f"turn-{turn}"
        )
        expanded.append(seconds)
        growths.append(growth)
    return statistics.median(copied) / statistics.median(expanded), max(growths)


def _expand(
    settings: Settings,
    repository: Repository,
    name: str,
    write: Callable[[BinaryIO], None],
    tenant: str = DEFAULT_TENANT,
    manifest: tuple[str, int] | None = None,
) -> tuple[float, float]:
    """Expand an archive in a process of its own; give its seconds and its growth in MiB."""
    key = f"{tenant}/uploads/{new_id()}"
    size = store(settings, key, write)
    job = _submit(repository, tenant, key, size, manifest)
    context = multiprocessing.get_context("spawn")
    told = context.SimpleQueue()
    expander = context.Process(target=_expander, args=(settings, told))
    expander.start()
    expander.join()
    if expander.exitcode:
        raise RuntimeError("the expander of the benchmark failed")
    seconds, growth = told.get()
    job = repository.jobs.get(tenant, job.id)
    if job.status is JobStatus.EXPANDING or not job.entries_seen:
        raise RuntimeError(f"the archive was not expanded: {job.status}")
    console.print(
        f"{name}: {size / MIB:.0f} MiB, {job.entries_seen} entries, {job.total} films expanded in "
        f"{seconds:.1f} s, {growth:.1f} MiB above idle",
        style="dim",
    )
    return seconds, growth


def _expander(settings: Settings, told: Any) -> None:
    configure_logging(settings.model_copy(update={"log_level": "WARNING"}), "benchmark")
    analyzers = Analyzers(_no_reader)
    parts = build_parts(make_celery(settings), settings, "expander", analyzers=analyzers)
    parts.repository.expansions.waiting()  # connected
    parts.store.check()
    peak, started = OwnPeak(), time.perf_counter()
    while expand_archive(parts):
        pass
    told.put((time.perf_counter() - started, peak.growth_mb()))
    parts.close()


def _no_reader(bundle: str) -> Any:
    raise RuntimeError("an expander reads no film")


def _tiny(count: int, suffix: bytes = b".csv") -> Callable[[BinaryIO], None]:
    def write(target: BinaryIO) -> None:
        target.write(tiny_entries_zip(count, suffix))

    return write


def _submit(
    repository: Repository, tenant: str, key: str, size: int, manifest: tuple[str, int] | None
) -> Job:
    return repository.jobs.create_with_archive(
        tenant,
        job_id=new_id(),
        name="",
        metadata={},
        bundle="null@1",
        priority=Priority.NORMAL,
        idempotency_key=None,
        request_hash=None,
        archive_key=key,
        archive_size=size,
        manifest=manifest,
    ).job


@contextmanager
def _servers() -> Iterator[Settings]:
    """Settings for a PostgreSQL, a broker and an S3 store of their own."""
    with tempfile.TemporaryDirectory(prefix="lungline-s3-") as name, queue_servers() as settings:
        server = SeaweedServer(Path(name))
        server.start()
        try:
            s3 = server.settings(server.make_bucket())
            chosen = {field: getattr(s3, field) for field in s3.model_fields_set}
            yield settings.model_copy(update=chosen | {"quota_queued_films": 10_000_000})
        finally:
            server.stop()
