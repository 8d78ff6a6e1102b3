from __future__ import annotations

import hashlib
import io
import json
from contextlib import suppress
from zipfile import ZipFile

import pytest

from lungline.domain import DEFAULT_TENANT, ExportFormat, ExportStatus
from lungline.errors import DatabaseUnavailable
from tests.factories import films
from workers import backoff, export
from workers.analyze import read_batch
from workers.export import export_results
from workers.sweep import sweep


@pytest.fixture(autouse=True)
def _no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(backoff, "MOST_SECONDS", 0.0)


def a_read_job(parts, desk, count=3):
    job = desk.submit([films.jpeg(seed) for seed in range(count)])
    while read_batch(parts):
        parts.writer.wait()
    return job


def ask(desk, job, form=ExportFormat.NDJSON):
    return desk.repository.exports.create(DEFAULT_TENANT, job.id, form, 1_000.0)


def now(desk, asked):
    return desk.repository.exports.get(DEFAULT_TENANT, asked.id)


def left(desk):
    """All that the store has of exports, whole or not."""
    incoming = desk.settings.objects_dir / ".incoming"
    return [*desk.store.keys(f"{DEFAULT_TENANT}/exports/"), *incoming.iterdir()]


def test_there_may_be_no_export(make):
    parts, _ = make()

    assert not export_results(parts)


def test_findings_are_written_and_hashed(make):
    parts, desk = make()
    job = a_read_job(parts, desk)
    asked = ask(desk, job)

    assert export_results(parts)

    made = now(desk, asked)
    data = desk.store.get(made.object_key)
    assert (made.status, made.items_done) == (ExportStatus.SUCCEEDED, 3)
    assert (made.size, made.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    rows = [json.loads(line) for line in data.splitlines()]
    assert [row["item_id"] for row in rows] == [item.id for item in desk.items(job)]
    assert {row["top_label"] for row in rows} == {"normal"}


@pytest.mark.parametrize("form", list(ExportFormat))
def test_every_format_is_written(make, form):
    parts, desk = make()
    asked = ask(desk, a_read_job(parts, desk), form)

    assert export_results(parts)

    made = now(desk, asked)
    assert made.status is ExportStatus.SUCCEEDED
    data = desk.store.get(made.object_key)
    if form.pictures:
        with ZipFile(io.BytesIO(data)) as archive:
            assert archive.testzip() is None
            assert len(archive.namelist()) == 4
            assert archive.read("missing.csv").count(b"\n") == 1


def test_a_crash_in_the_middle_leaves_nothing_behind_and_is_begun_anew(make, monkeypatch):
    parts, desk = make(lease_seconds=60.0)
    asked = ask(desk, a_read_job(parts, desk))

    class Killed(BaseException):
        pass

    def die(*arguments):
        yield b"half"
        raise Killed

    with monkeypatch.context() as patch:
        # A killed process cleans nothing up.
        patch.setattr("storage.objects.local.Path.unlink", lambda *path, **how: None)
        patch.setattr(export, "export_pieces", die)
        with pytest.raises(Killed):
            export_results(parts)
    assert len(left(desk)) == 1
    assert not export_results(parts)  # its lease still holds
    desk.database.clock_offset = parts.repository.database.clock_offset = 100.0
    assert sweep(parts)["exports_taken_back"] == 1
    assert left(desk) == []

    assert export_results(parts)

    made = now(desk, asked)
    assert (made.status, made.attempts) == (ExportStatus.SUCCEEDED, 1)
    assert left(desk) == [made.object_key]


def test_who_is_cancelled_in_the_middle_leaves_nothing_behind(make, monkeypatch):
    parts, desk = make(lease_renewal_seconds=0.01)
    asked = ask(desk, a_read_job(parts, desk))
    write = export.export_pieces

    def cancelled(*arguments):
        yield b"begun"
        desk.repository.exports.cancel(DEFAULT_TENANT, asked.id)
        yield from write(*arguments)

    monkeypatch.setattr(export, "export_pieces", cancelled)

    assert export_results(parts)

    assert now(desk, asked).status is ExportStatus.CANCELLED
    assert left(desk) == []


def test_an_export_above_the_limit_fails_with_the_reason(make):
    parts, desk = make(max_export_bytes=10)
    asked = ask(desk, a_read_job(parts, desk))

    assert export_results(parts)

    failed = now(desk, asked)
    assert (failed.status, failed.error_code) == (ExportStatus.FAILED, "too_large")
    assert left(desk) == []


def test_a_store_that_fails_hands_the_export_back(make):
    parts, desk = make()
    asked = ask(desk, a_read_job(parts, desk))
    folder = parts.settings.objects_dir / DEFAULT_TENANT / "exports"
    folder.symlink_to(folder)

    assert export_results(parts)

    # It cannot even be discarded; that is done before anything new is begun.
    assert now(desk, asked).status is ExportStatus.RUNNING
    folder.unlink()
    assert export_results(parts)
    assert now(desk, asked).status is ExportStatus.SUCCEEDED


@pytest.mark.parametrize("error", [DatabaseUnavailable("It is away."), SystemExit(0)])
def test_a_lost_answer_to_the_end_of_an_export_does_not_cost_its_object(make, monkeypatch, error):
    parts, desk = make(stopping=lambda: True)
    asked = ask(desk, a_read_job(parts, desk))
    finish = type(parts.repository.exports).finish

    def unanswered(exports, *made):
        assert finish(exports, *made)
        raise error

    monkeypatch.setattr(type(parts.repository.exports), "finish", unanswered)

    with suppress(SystemExit):
        export_results(parts)

    made = now(desk, asked)
    assert made.status is ExportStatus.SUCCEEDED
    assert left(desk) == [made.object_key]


def test_an_export_whose_end_was_not_written_is_made_anew(make, monkeypatch):
    parts, desk = make(lease_seconds=60.0)
    asked = ask(desk, a_read_job(parts, desk))

    def away(exports, *made):
        raise DatabaseUnavailable("It is away.")

    with monkeypatch.context() as patch:
        patch.setattr(type(parts.repository.exports), "finish", away)
        assert export_results(parts)
    desk.database.clock_offset = parts.repository.database.clock_offset = 100.0
    assert sweep(parts)["exports_taken_back"] == 1
    assert left(desk) == []

    assert export_results(parts)

    assert now(desk, asked).status is ExportStatus.SUCCEEDED


def test_an_export_waits_while_the_disk_is_nearly_full(make):
    parts, desk = make(min_free_bytes=1 << 60)
    asked = ask(desk, a_read_job(parts, desk))

    assert export_results(parts)

    assert now(desk, asked).status is ExportStatus.QUEUED
